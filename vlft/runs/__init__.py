"""A run's folder: the record, its attempts, logs and checkpoints."""
