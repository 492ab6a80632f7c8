"""Bytes on one GPU, operator by operator, from the sizes of a model."""
