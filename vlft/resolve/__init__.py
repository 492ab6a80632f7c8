"""Config and facts become the run as ms-swift will see it."""
