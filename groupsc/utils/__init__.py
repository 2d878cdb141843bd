"""Errors, files, devices and memory, for all packages."""
