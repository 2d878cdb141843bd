"""Measure restoration quality and estimate the cost of experiments."""
