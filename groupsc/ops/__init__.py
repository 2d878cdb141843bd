"""Pure tensor functions: patches, proximal operators, windows."""
