"""Errors, files, devices and memory: what all packages use."""
