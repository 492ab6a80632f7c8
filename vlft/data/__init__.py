"""Training data: what ms-swift will do with every row of a file."""
