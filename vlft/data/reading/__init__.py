"""Rows of files in all formats that ms-swift loads."""
