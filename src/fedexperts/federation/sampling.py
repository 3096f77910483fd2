"""Who takes part in a round."""

from __future__ import annotations

from fedexperts.errors import UserError
from fedexperts.randomness import generator


def sample_cohort(clients: int, size: int, seed: int, round_number: int, attempt: int = 0) -> list[int]:
    """Draw the cohort of a round, uniformly and without repetition.

    Args:
        clients: How many clients could take part.
        size: How many do.
        seed: The seed of the run.
        round_number: The round, from 1.
        attempt: How many cohorts of this round were drawn before, and had too few clients that answer.

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
    stream = generator(seed, "federation/cohort", round_number, *_again(attempt))
    return sorted(stream.choice(clients, size=size, replace=False).tolist())


def answers(
    client: int, dropout: float | tuple[int, ...], seed: int, round_number: int, attempt: int = 0
) -> bool:
    """Whether a client's update arrives in time.

    Args:
        client: The client.
        dropout: The probability that it does not; or the clients whose updates never do.
        seed: The seed of the run.
        round_number: The round, from 1.
        attempt: As in :func:`sample_cohort`.
    """
    if isinstance(dropout, tuple):
        return client not in dropout
    stream = generator(seed, "federation/client_dropout", client, round_number, *_again(attempt))
    return bool(stream.random() >= dropout)


def _again(attempt: int) -> tuple[int, ...]:
    """The key of a further attempt; the first one has none."""
    return (attempt,) if attempt else ()
