"""Checking files: the fast way through them, and what is found."""
