"""Restore images of any size with a trained model, develop mosaics of sensors, and explain single pixels."""
