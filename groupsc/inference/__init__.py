"""Restore images of any size with a trained model, estimate noise levels, explain single pixels."""
