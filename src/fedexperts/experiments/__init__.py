"""Experiments: grids of settings, the runs that they need, and what these say together."""
