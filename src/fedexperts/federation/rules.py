"""The rules of aggregation that can be chosen by name.

Each leads to a function of the models that came back, ``[clients, parameters]``, and of how many training
examples each was trained on, ``[clients]``; it returns the new model, ``[parameters]``.
"""

from __future__ import annotations

RULES: dict[str, str] = {"fedavg": "fedexperts.federation.aggregation:weighted_average"}
