"""The table of docs/results.md on those clients that have opted out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.results_parts import columns, difference_of, signed_estimate
from fedexperts.evaluation.display import OPTED_OUT, percent
from fedexperts.experiments.charts import P, Q
from fedexperts.experiments.names import name_of, value_of
from fedexperts.experiments.paper_tables import TextTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from benchmarks.results_files import Results

COMPARED = (("mixture", "local"), ("finetuned", "local"), ("mixture", "finetuned"))
HEAD = ("seeds", "clients", "mixture against local", "fine-tuned against local", "mixture against fine-tuned")


def opted_out_tables(results: Results) -> Iterator[tuple[str, TextTable]]:
    """A table for each experiment with clients that have opted out, by its name."""
    for name, _, differences in results.summaries:
        own = differences[differences["clients"] == OPTED_OUT]
        if len(own):
            clients = results.clients[results.clients["experiment"] == name]
            yield f"{name}, opted out", opted_out_table(own, clients[clients["opted_out"]])


def opted_out_table(differences: pd.DataFrame, clients: pd.DataFrame) -> TextTable:
    """Write what those who opted out have of it on their own tests.

    Args:
        differences: Between methods, of those who opted out.
        clients: Their results.
    """
    rows = []
    for q, of_fraction in differences.groupby(Q):
        for _, part in columns(of_fraction):
            p = part[P].iloc[0]
            found = [difference_of(part, method, reference, "local") for method, reference in COMPARED]
            rows.append(
                (
                    value_of(P, p),
                    value_of(Q, q),
                    str(part["n_seeds"].iloc[0]),
                    str(part["n_clients"].iloc[0]),
                    *(signed_estimate(*each) if each else "" for each in found),
                    percent(share_below_local(clients[(clients[P] == p) & (clients[Q] == q)])),
                )
            )
    return TextTable("Opted out", (name_of(P), name_of(Q), *HEAD, "mixture below local"), tuple(rows), 2)


def share_below_local(clients: pd.DataFrame) -> float:
    """The share of clients whose mixture is worse on their own test than their local model."""
    own = clients[(clients["test_set"] == "local") & ~clients["calibrated"]]
    wide = own.pivot(index=["seed", "client_id"], columns="method", values="accuracy")  # noqa: PD010 - unique
    return float((wide["mixture"] < wide["local"]).mean())
