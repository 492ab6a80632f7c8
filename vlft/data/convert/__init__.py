"""Rows of other programs and of older ms-swift, made into rows that ms-swift 4.6 loads whole."""
