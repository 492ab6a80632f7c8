"""What becomes of a row: as ms-swift loads it, and once it is loaded."""
