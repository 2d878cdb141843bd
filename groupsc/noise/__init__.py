"""Estimate noise, and remove noise that is not white with one known σ."""
