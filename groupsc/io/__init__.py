"""Read and write users' images."""
