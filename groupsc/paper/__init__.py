"""Tables, the count of reproduced figures, and the pages."""
