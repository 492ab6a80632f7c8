"""Secrets, and consent to running code that comes with a checkpoint."""
