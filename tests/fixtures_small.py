"""Small data, models and settings that the tests of training, federation and pipelines share.

Load it with ``runpy.run_path``: under ``--import-mode=importlib`` the folder of the tests is on no path.
"""

from __future__ import annotations

import copy
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from kedro.config import OmegaConfigLoader

from fedexperts.examples import Examples
from fedexperts.federation.clients import select_opt_in
from fedexperts.models.architecture import Architecture, initial_parameters
from fedexperts.models.inputs import InputSpec
from fedexperts.models.mixture import Mixture
from fedexperts.parameters import ModelSettings, OptimizerSettings, Parameters
from fedexperts.partitioning import partition
from fedexperts.preprocessing import fit
from fedexperts.storage.checkpoints import Checkpoints
from fedexperts.training.data import CohortData
from fedexperts.training.engine import Engine
from fedexperts.training.stacked import StackedModule

torch.set_num_threads(1)

CONF = Path(__file__).parents[1] / "conf"
CPU = torch.device("cpu")
ENGINE = Engine(CPU)


def checkpoints(folder=None, **options):
    """A folder for unfinished work; one of its own unless it is given."""
    return Checkpoints(Path(folder or tempfile.mkdtemp()), **{"owner": "a test", **options})


TINY = {
    "seed": 3,
    "device": "cpu",
    "engine.workers": 1,
    "partition.clients": 5,
    "partition.alpha": 1.0,
    "partition.global_test_size": 15,
    "model.expert": "mlp",
    "model.gate": "logistic_regression",
    "federation.rounds": 3,
    "federation.clients_per_round": 2,
    "federation.local_epochs": 2,
    "federation.batch_size": 8,
    "federation.learning_rate": 0.01,
    "federation.validate_every": 1,
    "personalization.max_epochs": 4,
    "personalization.patience": 2,
    "personalization.learning_rate": 0.01,
    "personalization.local_learning_rate": 0.02,
    "personalization.constant_weights": 5,
    "evaluation.resamples": 10,
}


@cache
def _base():
    loader = OmegaConfigLoader(
        str(CONF), env="base", base_env="base", default_run_env="base", merge_strategy={"parameters": "soft"}
    )
    return loader["parameters"]


def plain_parameters(changes=None):
    """The project's own settings as Kedro reads them, with some changed by their dotted names."""
    parameters = copy.deepcopy(_base())
    for name, value in (changes or {}).items():
        *path, last = name.split(".")
        group = parameters
        for part in path:
            group = group[part]
        group[last] = value
    return parameters


def settings(changes=None):
    """All settings, typed, and small enough for a test."""
    return Parameters.model_validate(plain_parameters({**TINY, **(changes or {})}))


def optimizer(name="adam", learning_rate=0.01, batch_size=5):
    return OptimizerSettings(optimizer=name, learning_rate=learning_rate, batch_size=batch_size)


def blobs(count=200, classes=3, shape=(4,), spread=1.5, seed=0):
    """Examples of overlapping classes, of numbers of any shape."""
    stream = np.random.default_rng(seed)
    centres = stream.normal(size=(classes, *shape))
    labels = stream.permutation(np.arange(count) % classes)
    features = centres[labels] + spread * stream.normal(size=(count, *shape))
    return Examples(features, labels, tuple(f"class {label}" for label in range(classes)))


def with_rows(examples, features=None, labels=None):
    return replace(
        examples,
        features=examples.features if features is None else features,
        labels=examples.labels if labels is None else labels,
    )


def world(changes=None, examples=None):
    """A partitioned data set with its settings and fitted preprocessing."""
    chosen = settings(changes)
    examples = blobs() if examples is None else examples
    tables = partition(examples.labels, examples.classes, chosen.partition, chosen.seed, examples.may_opt_in)
    return SimpleNamespace(
        settings=chosen,
        examples=examples,
        clients=tables.clients,
        assignments=tables.assignments,
        preprocessing=fit_on_opt_in(examples, tables.assignments, chosen),
    )


def fit_on_opt_in(examples, assignments, chosen):
    rows = assignments[assignments["opt_in"] & (assignments["split"] == "train")]["example"].to_numpy()
    # with nobody opted in there is nothing to fit to; whoever needs it says so
    return fit(chosen.data.preprocessing, examples.features[rows], chosen.data) if len(rows) else {}


def opt_in_clients(of):
    return select_opt_in(of.examples, of.assignments, of.preprocessing)


def architecture(expert="mlp", gate="logistic_regression", shape=(4,), classes=3):
    return Architecture(ModelSettings(expert=expert, gate=gate), InputSpec(shape), classes)


def module(kind, classes=3):
    """A module in float64, and the shape of what it takes."""
    if kind == "cnn":
        return architecture("small_cnn", shape=(1, 4, 4), classes=classes).expert().double(), (1, 4, 4)
    models = architecture("mlp", classes=classes)
    if kind == "mixture":
        return Mixture(models.expert(), models.gate()).double(), (4,)
    return models.expert().double(), (4,)


def cohort(kind="mlp", sizes=(7, 1, 23, 10, 12), validation=(4, 3, 6, 5, 2), seed=0, noise=1.5):
    """Clients with models and examples of their own, all in float64.

    ``streams()`` opens the same random streams again each time.
    """
    plain, shape = module(kind)
    total = sum(sizes) + sum(validation)
    examples = blobs(total, shape=shape, spread=noise, seed=seed)
    rows = np.split(np.random.default_rng(seed + 1).permutation(total), np.cumsum([*sizes, *validation])[:-1])
    inputs = (torch.as_tensor(examples.features),)
    if kind == "mixture":
        generalist = torch.randn(total, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        inputs = (*inputs, generalist.log_softmax(dim=1))
    labels = torch.as_tensor(examples.labels)
    stacked = StackedModule(plain)
    firsts = [
        initial_parameters(lambda: module(kind)[0], seed, "test", client) for client in range(len(sizes))
    ]
    start = stacked.rows({name: torch.stack([first[name] for first in firsts]) for name in firsts[0]})
    return SimpleNamespace(
        plain=plain,
        module=stacked,
        start=start,
        data=CohortData(inputs, labels, rows[: len(sizes)]),
        validation=CohortData(inputs, labels, rows[len(sizes) :]),
        streams=lambda: [np.random.default_rng(100 + client) for client in range(len(sizes))],
    )
