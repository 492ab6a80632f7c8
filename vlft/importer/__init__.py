"""Commands and scripts of any ms-swift release become configs."""
