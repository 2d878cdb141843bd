"""Tensor functions without state: patches, proximal operators, unrolled iterations, sliding windows."""
