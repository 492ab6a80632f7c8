"""Facts about the machine, the checkpoint and the data, read without changing anything."""
