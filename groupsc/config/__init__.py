"""Define the settings of models, trainings and experiments, with every default."""
