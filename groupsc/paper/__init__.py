"""Make the paper's tables, the count of reproduced values, the report page and the page of released weights."""
