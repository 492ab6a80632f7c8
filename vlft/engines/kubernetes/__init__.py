"""Runs that Kubernetes starts: a TrainJob manifest on stdout."""
