"""Reading and writing of users' images."""
