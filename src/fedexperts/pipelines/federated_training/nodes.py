"""Nodes that train the generalist.

The engine is imported when a node runs: knowing the pipelines must not cost the loading of torch.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from fedexperts.examples import Examples
from fedexperts.federation.clients import OptInClients, select_opt_in
from fedexperts.models.weights import GeneralistWeights
from fedexperts.parameters import EngineSettings, FederationSettings, ModelSettings
from fedexperts.storage.checkpoints import Checkpoints


def select_opt_in_clients(
    examples: Examples, assignments: pd.DataFrame, preprocessing: dict[str, Any]
) -> OptInClients:
    """Copy out the opt-in examples: all that the federation will ever see."""
    return select_opt_in(examples, assignments, preprocessing)


def train_generalist(
    clients: OptInClients,
    model: ModelSettings,
    settings: FederationSettings,
    seed: int,
    device: str,
    engine: EngineSettings,
    checkpoints: Checkpoints,
) -> tuple[GeneralistWeights, pd.DataFrame]:
    """Train the generalist with federated averaging, and keep the best validated model."""
    from fedexperts.federation import server
    from fedexperts.training.device import reproducibly
    from fedexperts.training.engine import open_engine

    with reproducibly():
        return server.train_generalist(
            clients, model, settings, seed, open_engine(device, engine), checkpoints
        )
