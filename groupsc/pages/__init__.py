"""Write the report page, the page of released weights, model cards, and the manifest of a run."""
