"""What the machine and its files say: read-only probes that return frozen dataclasses."""
