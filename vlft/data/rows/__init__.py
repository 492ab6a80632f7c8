"""What becomes of a row, once it is loaded."""
