"""What a config amounts to on given facts: processes, batch, devices."""
