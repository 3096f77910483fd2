"""Personalised federated learning with a mixture of experts per client."""

__version__ = "0.1.0"
