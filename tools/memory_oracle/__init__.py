"""Parts of the memory oracle: a real training step on tensors that have sizes and no values."""
