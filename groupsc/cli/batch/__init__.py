"""Restore many images with one call: choose a model for each, say how long it takes, restore, report failures."""
