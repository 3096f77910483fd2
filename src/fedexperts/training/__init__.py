"""The engine: trains the models of many clients at once. The only place where weights change."""
