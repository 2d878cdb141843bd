"""Draw the figures of the paper, of results and of models."""
