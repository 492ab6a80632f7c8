"""The installed ms-swift, and what it makes of a command."""
