"""Runs that Slurm starts: a readable batch script in the run's folder, submitted."""
