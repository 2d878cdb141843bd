"""What a model, a training and an experiment are, with every default."""
