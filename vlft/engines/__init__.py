"""Where a run is carried out: this machine, Slurm, Kubernetes."""
