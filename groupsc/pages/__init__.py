"""Write the report page, the page of released weights, and the manifest of a run."""
