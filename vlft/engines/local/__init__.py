"""Runs on this machine: the trainer, its supervisor, and every process under them."""
