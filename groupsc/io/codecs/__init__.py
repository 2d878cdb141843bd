"""Decode and encode image files."""
