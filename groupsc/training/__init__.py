"""Training: the loop, its state, its batches, its initialization."""
