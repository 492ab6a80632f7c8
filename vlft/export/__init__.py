"""Merged and quantized weights: planned, made with `swift export`, verified."""
