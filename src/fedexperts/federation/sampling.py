"""Who takes part in a round."""

from __future__ import annotations

from fedexperts.errors import UserError
from fedexperts.randomness import generator


def sample_cohort(clients: int, size: int, seed: int, round_number: int) -> list[int]:
    """Draw the cohort of a round, uniformly and without repetition.

    Args:
        clients: How many clients could take part.
        size: How many do.
        seed: The seed of the run.
        round_number: The round, from 1.

    Returns:
        Positions of the chosen clients, ascending.

    Raises:
        UserError: If there are fewer clients than the cohort needs.
    """
    if size > clients:
        raise UserError(
            f"`federation.clients_per_round` is {size}, but only {clients} clients have opted in with "
            f"training examples; use at most {clients}, or let fewer clients opt out"
        )
    stream = generator(seed, "federation/cohort", round_number)
    return sorted(stream.choice(clients, size=size, replace=False).tolist())
