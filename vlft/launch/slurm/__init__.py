"""Runs that Slurm starts: a readable script in the run's folder, submitted by sbatch."""
