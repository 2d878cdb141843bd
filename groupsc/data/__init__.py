"""Download and load data sets, and degrade clean images."""
