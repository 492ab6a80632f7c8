"""Runs that Kubernetes starts: a manifest on stdout, to be applied or committed."""
