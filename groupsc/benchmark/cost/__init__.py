"""The cost of a grid before it runs: operations, hours, disk and download."""
