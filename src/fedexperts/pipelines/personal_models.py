"""The nodes that train personal models: one for each kind in the registry, all alike."""

from __future__ import annotations

import inspect
import json
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro.pipeline import Pipeline, node

from fedexperts.examples import Examples
from fedexperts.models.weights import ClientWeights, GeneralistWeights
from fedexperts.parameters import EngineSettings, ModelSettings, PersonalizationSettings
from fedexperts.personalization.registry import KINDS, needed_kinds
from fedexperts.provenance.record import plain
from fedexperts.storage.checkpoints import Checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS = {
    "examples": "examples",
    "clients": "clients",
    "assignments": "assignments",
    "preprocessing": "preprocessing",
    "generalist": "generalist",
    "model": "params:model",
    "settings": "params:personalization",
    "device": "params:device",
}


def train_personal_models(
    kind: str,
    examples: Examples,
    clients: pd.DataFrame,
    assignments: pd.DataFrame,
    preprocessing: dict[str, Any],
    generalist: GeneralistWeights,
    model: ModelSettings,
    settings: PersonalizationSettings,
    seed: int,
    device: str,
    engine: EngineSettings,
    checkpoints: Checkpoints,
) -> ClientWeights:
    """Train one kind of personal model for every client, on all of its own data.

    A kind that no chosen method needs is not trained, and stored without clients.
    """
    if kind not in needed_kinds(settings.methods):
        return ClientWeights.none()

    from fedexperts.personalization.predictions import load_kind
    from fedexperts.personalization.training import Training, train_models
    from fedexperts.pipelines.stages import open_stage
    from fedexperts.training.device import reproducibly
    from fedexperts.training.engine import open_engine

    with reproducibly():
        stage = open_stage(examples, clients, assignments, preprocessing, generalist, model, device)
        noted = plain({"seed": seed, "model": model, "personalization": settings.at_training})
        lineage = {**stage.lineage, "settings": json.dumps(noted)}
        training = Training(kind, load_kind(kind), stage.bench, stage.data, settings, seed)
        return train_models(training, open_engine(device, engine), lineage, checkpoints)


def create_training_pipeline(name: str) -> Pipeline:
    """One node for each kind of model that the pipeline of this name trains."""
    kinds = [kind for kind, entry in KINDS.items() if entry.pipeline == name]
    return Pipeline(
        [
            node(
                _for_kind(kind),
                inputs={
                    **INPUTS,
                    "seed": "params:seed",
                    "engine": "params:engine",
                    "checkpoints": "checkpoints",
                },
                outputs=kind,
                name=f"train_{kind}",
            )
            for kind in kinds
        ]
    )


def _for_kind(kind: str) -> Callable[..., ClientWeights]:
    """The node's function for one kind, with the name, annotations and signature that Kedro looks up."""
    bound = partial(train_personal_models, kind)
    signature = inspect.signature(bound)
    function = update_wrapper(bound, train_personal_models)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function
