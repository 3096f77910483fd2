"""The partition schemes by name.

A scheme is a function ``allocate(available, demand, settings, stream)`` that decides how many examples of
each class every client gets. ``available`` are the examples of each class in the pool (``[classes]``, int64),
``demand`` is a :class:`fedexperts.partitioning.demand.Demand`, and the result is ``[clients, classes]``,
int64. Which examples these are, and how a client's examples are split, is decided elsewhere and alike for all
schemes.
"""

from __future__ import annotations

SCHEMES: dict[str, str] = {
    "dirichlet": "fedexperts.partitioning.dirichlet:allocate",
    "dirichlet_client": "fedexperts.partitioning.dirichlet_client:allocate",
    "iid": "fedexperts.partitioning.iid:allocate",
    "majority_classes": "fedexperts.partitioning.majority_classes:allocate",
    "quantity_skew": "fedexperts.partitioning.quantity_skew:allocate",
    "shards": "fedexperts.partitioning.shards:allocate",
}
"""Import path of every scheme; another one needs a module and a line here."""
