"""Weight files, the released ones among them, and which one to use."""
