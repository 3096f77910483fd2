"""What went wrong in a run that went on, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.evaluation.display import listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


def describe_faults(client_metrics: pd.DataFrame, history: pd.DataFrame) -> list[str]:
    """Tell of clients that did not answer, and of training that failed.

    Args:
        client_metrics: A row per client, method and test set, with ``failed``.
        history: A row per round, with ``absent`` and ``failed``.

    Returns:
        A sentence for each kind of fault that occurred.
    """
    sentences = []
    rounds = history[history["failed"] != ""]
    if len(rounds):
        clients = {client for failed in rounds["failed"] for client in failed.split()}
        sentences.append(
            f"In {len(rounds)} of {len(history)} rounds an update was left out because training had failed "
            f"({_clients(map(int, clients))})."
        )
    if absent := int(history["absent"].sum()):
        sentences.append(
            f"{absent} updates did not arrive in time; the averages are of those that did."
            if absent > 1
            else "One update did not arrive in time; the average is of those that did."
        )
    failed = client_metrics[client_metrics["failed"]]
    if len(failed):
        sentences.append(
            f"The training of personal models failed for {_clients(failed['client_id'].unique())} "
            f"({listing(sorted(failed['method'].unique()))}); the generalist stands in for them."
        )
    return sentences


def _clients(numbers: Iterable[int]) -> str:
    named = [str(number) for number in sorted(numbers)]
    return f"client{'s' if len(named) > 1 else ''} {listing(named)}"
