"""Rows of files in all formats that ms-swift loads, and the types that it gives them."""
