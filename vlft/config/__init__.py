"""Reading a config: YAML becomes plain data with places, then typed sections."""
