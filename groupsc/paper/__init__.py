"""Make the paper's tables, the count of reproduced values, and paired differences; find pictures for figures."""
