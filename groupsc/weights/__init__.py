"""Read, write, verify and select weights files, including the released ones."""
