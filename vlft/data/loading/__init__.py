"""What ms-swift makes of a row when it loads a file (swift/dataset/preprocessor/core.py)."""
