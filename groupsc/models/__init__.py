"""The unrolled sparse coder, its penalties and its similarities."""
