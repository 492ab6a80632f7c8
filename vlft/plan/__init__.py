"""The run as a command: arguments, environment, argv."""
