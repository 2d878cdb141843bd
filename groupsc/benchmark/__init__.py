"""What is measured, and what it costs."""
