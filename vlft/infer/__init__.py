"""Trained weights in use: inference, evaluation with metrics, serving."""
