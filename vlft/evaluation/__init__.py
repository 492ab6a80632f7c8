"""How good answers are: metrics of one row, and what they come to over many."""
