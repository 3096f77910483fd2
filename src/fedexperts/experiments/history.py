"""How well federated training did on validation examples, which its settings may be chosen by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.experiments.summary import axes_of

if TYPE_CHECKING:
    import pandas as pd


def best_rounds(history: pd.DataFrame) -> pd.DataFrame:
    """Find the round of every point whose model was kept.

    Args:
        history: The long table of ``federation_history``; see
            :func:`fedexperts.experiments.long_table.long_table`.

    Returns:
        A row per setting and ``seed``: ``round``, ``validation_loss`` (nats) and ``validation_accuracy``,
        means over the clients that take part.
    """
    columns = [*axes_of(history), "seed", "round", "validation_loss", "validation_accuracy"]
    return history.loc[history["best"].astype(bool), columns].reset_index(drop=True)
