"""How many tokens pictures and rows come to."""
