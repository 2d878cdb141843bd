"""Functions in C for the inference on CPUs, and the classes that call them."""
