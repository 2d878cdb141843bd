"""Noise that is not white with one known σ: correlated, signal-dependent, or of different strength in an image."""
