"""Random streams that depend on what they are for, and on nothing else.

Every draw in the project comes from a stream named by (seed, purpose, keys...): one for the partition, one
for the cohort of round 17, one for the batches of client 3 in round 17. Adding a client, a method or an
option therefore changes no other stream, and nothing is ever seeded globally.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, purpose: str, *keys: int) -> int:
    """Derive the seed of one stream.

    Args:
        seed: The seed of the run.
        purpose: What the stream is for, such as ``"partition"``.
        *keys: Further coordinates of the stream, such as a client's id or a round.

    Returns:
        A number in [0, 2**63), the same on every machine.
    """
    name = "/".join([str(seed), purpose, *(str(int(key)) for key in keys)])
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """Open the stream that :func:`derive_seed` names."""
    return np.random.default_rng(derive_seed(seed, purpose, *keys))
