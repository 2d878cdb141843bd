"""Test restorations without the clean image, and replace them where a model is not reliable."""
