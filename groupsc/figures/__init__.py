"""Figures: everything that draws."""
