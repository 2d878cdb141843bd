"""Data sets, their download, and the degradations of clean images."""
