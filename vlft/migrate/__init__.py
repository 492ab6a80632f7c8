"""From what was written for an older ms-swift to what is written now."""
