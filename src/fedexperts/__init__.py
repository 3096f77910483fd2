"""Personalised federated learning with a mixture of experts per client."""

__version__ = "0.2.0.dev0"
