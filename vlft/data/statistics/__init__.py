"""How long rows are, what their images cost, and what a pixel limit would save."""
