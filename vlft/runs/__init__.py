"""A run's folder: what was started, how it ended, and where to find it again."""
