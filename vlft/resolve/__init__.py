"""Config and facts become the run as ms-swift will see it; nothing downstream derives it again."""
