"""Make the paper's tables, the count of reproduced values, and the manifest of a run."""
