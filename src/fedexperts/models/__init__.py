"""Architectures of experts and gates, and how their weights are kept."""
