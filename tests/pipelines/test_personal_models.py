"""The nodes that train personal models, and their refusal of a generalist from elsewhere."""

from __future__ import annotations

import dataclasses
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from kedro.validation.type_extractor import TypeExtractor

from fedexperts.errors import UserError
from fedexperts.parameters import ModelSettings, PersonalizationSettings
from fedexperts.personalization.registry import KINDS
from fedexperts.pipelines import gate_training, specialist_training
from fedexperts.pipelines.federated_training.nodes import train_generalist
from fedexperts.pipelines.personal_models import train_personal_models

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))


def federated(changes=None):
    of = small.world(changes)
    chosen = of.settings
    of.generalist, _ = train_generalist(
        small.opt_in_clients(of),
        chosen.model,
        chosen.federation,
        chosen.seed,
        "cpu",
        chosen.engine,
        small.checkpoints(),
    )
    return of


def train(of, kind, **changes):
    arguments = {
        "examples": of.examples,
        "clients": of.clients,
        "assignments": of.assignments,
        "preprocessing": of.preprocessing,
        "generalist": of.generalist,
        "model": of.settings.model,
        "settings": of.settings.personalization,
        "seed": of.settings.seed,
        "device": "cpu",
        "engine": of.settings.engine,
        "checkpoints": small.checkpoints(),
        **changes,
    }
    return train_personal_models(kind, **arguments)


@pytest.fixture(scope="module")
def of():
    return federated({"partition.opt_out_clients": [1], "partition.evaluated_clients": 4})


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_for_every_evaluated_client_opted_out_or_not(of, kind):
    weights = train(of, kind)
    evaluated = of.clients[of.clients["evaluated"]]
    assert weights.client_ids.tolist() == evaluated["client_id"].tolist()
    assert evaluated["opted_out"].any()
    assert all(np.isfinite(value).all() for value in weights.parameters.values())
    assert len({own.tobytes() for own in weights.parameters[next(iter(weights.parameters))]}) > 1
    assert weights.lineage["expert"] == "mlp"
    noted = json.loads(weights.lineage["settings"])
    assert noted["personalization"]["max_epochs"] == 4
    assert noted["model"]["expert"] == "mlp"


def test_data_that_was_moved_since_is_the_same_data(of):
    moved = dataclasses.replace(of.examples, path="/moved")
    assert train(of, "locals", examples=moved).lineage == train(of, "locals").lineage


@pytest.mark.parametrize(
    ("kind", "methods"),
    [("locals", ["mixture"]), ("specialists", ["local", "mixture"]), ("mixtures", ["fedavg", "oracle"])],
)
def test_a_kind_that_no_method_needs_is_not_trained(of, kind, methods):
    chosen = small.settings({"personalization.methods": methods}).personalization
    weights = train(of, kind, settings=chosen)
    assert len(weights) == 0
    assert weights.parameters == weights.lineage == {}


def test_other_methods_change_nothing_for_a_kind_that_is_trained(of):
    few = small.settings({"personalization.methods": ["finetuned"]}).personalization
    alone, among_all = train(of, "specialists", settings=few), train(of, "specialists")
    for name, value in alone.parameters.items():
        assert value.tobytes() == among_all.parameters[name].tobytes()


def test_what_a_client_opted_out_with_is_trained_on_by_the_client_itself(of):
    rows = of.assignments
    opted_out = of.clients.loc[of.clients["evaluated"] & of.clients["opted_out"], "client_id"].iloc[0]
    others = rows[(rows["client_id"] == opted_out) & (rows["split"] == "train")]["example"].to_numpy()
    labels = of.examples.labels.copy()
    labels[others] = (labels[others] + 1) % 3
    before, after = (
        train(of, "specialists"),
        train(of, "specialists", examples=small.with_rows(of.examples, labels=labels)),
    )
    for position, client in enumerate(before.client_ids):
        # all are in one stack, so that only the client itself may differ
        same = all(
            np.allclose(value[position], after.parameters[name][position], rtol=0, atol=1e-6)
            for name, value in before.parameters.items()
        )
        assert same == (client != opted_out)


@pytest.mark.parametrize(
    "change",
    ["partition", "opt_out", "opt_in_example", "expert", "nothing"],
)
def test_a_generalist_of_another_federation_is_refused(of, change):
    if change == "nothing":
        assert len(train(of, "specialists")) == 4
        return
    changes = {}
    if change == "partition":
        other = small.world({"seed": 5})
        changes = {"clients": other.clients, "assignments": other.assignments}
    elif change == "opt_out":
        changes = {
            "assignments": of.assignments.assign(
                opt_in=of.assignments["opt_in"] & (of.assignments["client_id"] != 0)
            )
        }
    elif change == "opt_in_example":
        labels = of.examples.labels.copy()
        example = of.assignments[of.assignments["opt_in"]]["example"].iloc[0]
        labels[example] = (labels[example] + 1) % 3
        changes = {"examples": small.with_rows(of.examples, labels=labels)}
    else:
        changes = {"model": ModelSettings(expert="logistic_regression", gate="mlp")}
    with pytest.raises(UserError, match=r"stored generalist.*kedro run --pipelines federated_training"):
        train(of, "specialists", **changes)


def test_what_was_opted_out_may_change_without_a_new_generalist(of):
    rows = of.assignments
    opted_out = rows[~rows["opt_in"]]["example"].to_numpy()
    labels = of.examples.labels.copy()
    labels[opted_out] = 0
    changed = train(of, "specialists", examples=small.with_rows(of.examples, labels=labels))
    assert changed.lineage["generalist"] == train(of, "specialists").lineage["generalist"]
    assert changed.lineage["partition"] != train(of, "specialists").lineage["partition"]


def test_a_specialist_of_its_own_architecture_starts_apart_from_the_generalist(of):
    model = of.settings.model.model_copy(update={"specialist": "logistic_regression"})
    for kind, prefix in (("specialists", ""), ("mixtures", "specialist.")):
        weights = train(of, kind, model=model)
        assert weights.lineage["specialist"] == "logistic_regression"
        assert weights.parameters[f"{prefix}1.weight"].shape == (4, 3, 4)
    same = train(of, "locals", model=model)
    assert same.parameters["1.weight"].shape == (4, 64, 4)


def test_each_pipeline_trains_the_kinds_that_are_registered_for_it():
    pipelines = {
        "specialist_training": specialist_training.create_pipeline(),
        "gate_training": gate_training.create_pipeline(),
    }
    for name, pipeline in pipelines.items():
        assert pipeline.all_outputs() == {kind for kind, entry in KINDS.items() if entry.pipeline == name}
        assert all(node.func.__doc__ for node in pipeline.nodes)
    assert set().union(*(pipeline.all_outputs() for pipeline in pipelines.values())) == set(KINDS)
    found = TypeExtractor(pipelines).extract_types_from_pipelines()
    assert found["personalization"] is PersonalizationSettings
    assert found["model"] is ModelSettings


def test_the_nodes_of_a_pipeline_train_their_own_kind(of):
    for node in specialist_training.create_pipeline().nodes:
        weights = node.func(
            examples=of.examples,
            clients=of.clients,
            assignments=of.assignments,
            preprocessing=of.preprocessing,
            generalist=of.generalist,
            model=of.settings.model,
            settings=of.settings.personalization,
            seed=of.settings.seed,
            device="cpu",
            engine=of.settings.engine,
            checkpoints=small.checkpoints(),
        )
        (kind,) = node.outputs
        for name, value in train(of, kind).parameters.items():
            assert weights.parameters[name].tobytes() == value.tobytes()


def test_the_generalist_given_is_not_changed(of):
    before = {name: value.copy() for name, value in of.generalist.parameters.items()}
    for kind in KINDS:
        train(of, kind)
    for name, value in before.items():
        assert of.generalist.parameters[name].tobytes() == value.tobytes()
    assert dataclasses.is_dataclass(of.generalist)
