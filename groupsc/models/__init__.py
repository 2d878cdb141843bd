"""The unrolled sparse coder and its three penalties."""
