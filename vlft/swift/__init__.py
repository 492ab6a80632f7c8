"""The installed ms-swift: its interpreter, arguments, model types and the names of all releases."""
