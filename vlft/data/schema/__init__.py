"""The types that `datasets` gives the columns of a file, and what that does to its rows."""
