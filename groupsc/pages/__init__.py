"""Write the report page and the page of released weights."""
