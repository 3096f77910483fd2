"""All methods measured, models from elsewhere refused, and the stages run one after another."""

from __future__ import annotations

import copy
import dataclasses
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from torch.nn import functional

from fedexperts.errors import UserError
from fedexperts.evaluation import frontier
from fedexperts.parameters.groups import AT_EVALUATION
from fedexperts.personalization.registry import KINDS, METHODS
from fedexperts.pipelines import (
    client_partitioning,
    evaluation,
    federated_training,
    gate_training,
    specialist_training,
)
from fedexperts.pipelines.evaluation.nodes import evaluate_clients
from fedexperts.provenance.record import check_record, plain

TESTS = Path(__file__).parents[1]
small = SimpleNamespace(**runpy.run_path(str(TESTS / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(TESTS / "training" / "plain_loop.py")))

GROUPS = ("data", "partition", "model", "federation", "personalization", "evaluation", "seed", "device")
INPUTS = ("clients", "assignments", "preprocessing", "generalist", *KINDS)
STORED = (*INPUTS, "federation_history", "partition_settings")
RESULTS = ("client_metrics", "gate_weights", "frontier")

SLICE = (
    client_partitioning.create_pipeline()
    + federated_training.create_pipeline()
    + specialist_training.create_pipeline()
    + gate_training.create_pipeline()
    + evaluation.create_pipeline()
)


class Kept(MemoryDataset):
    """Data in memory that stay there when the last node that needs them is done."""

    def _release(self):
        pass


def run(changes=None, examples=None, pipeline=SLICE, stored=None):
    """Run pipelines with everything in memory; return what is there afterwards."""
    chosen = small.settings(changes)
    catalog = DataCatalog()
    catalog["examples"] = Kept(small.blobs() if examples is None else examples)
    for group in GROUPS:
        catalog[f"params:{group}"] = MemoryDataset(getattr(chosen, group))
    catalog["params:engine"] = MemoryDataset(chosen.engine)
    catalog["checkpoints"] = MemoryDataset(small.checkpoints(), copy_mode="assign")
    for name in (*STORED, *RESULTS, "evaluation_record"):
        catalog[name] = Kept(stored[name]) if stored and name in stored else Kept()
    SequentialRunner().run(pipeline, catalog)
    found = {name: catalog.load(name) for name in (*STORED, *RESULTS, "evaluation_record")}
    return SimpleNamespace(settings=chosen, examples=catalog.load("examples"), **found)


CHANGES = {
    "partition.opt_out_clients": [1],
    "partition.unseen_clients": 1,
    "partition.opt_out_examples": 0.2,
    "personalization.methods": list(METHODS),
}


@pytest.fixture(scope="module")
def finished():
    return run(CHANGES)


def evaluate(of, **changes):
    arguments = {
        **{name: getattr(of, name) for name in INPUTS},
        "examples": of.examples,
        "model": of.settings.model,
        "settings": of.settings.personalization,
        "evaluation": of.settings.evaluation,
        "seed": of.settings.seed,
        "device": "cpu",
        **changes,
    }
    return evaluate_clients(**arguments)


def test_a_row_for_every_client_method_and_test_set_on_identical_examples(finished):
    metrics = finished.client_metrics
    assert len(metrics) == 5 * len(METHODS) * 2
    assert set(metrics["method"]) == set(METHODS)
    assert not metrics.duplicated(["client_id", "method", "test_set"]).any()
    sizes = metrics.groupby(["client_id", "test_set"])["n"]
    assert (sizes.min() == sizes.max()).all()
    assert set(metrics.loc[metrics["test_set"] == "global", "n"]) == {15}
    assert metrics["accuracy"].between(0, 1).all()
    assert metrics["ece"].between(0, 1).all()
    assert (metrics["loss"] > 0).all()
    flags = metrics.groupby("client_id")[["opted_out", "unseen"]].first().reset_index()
    pd.testing.assert_frame_equal(
        flags, finished.clients[["client_id", "opted_out", "unseen"]], check_dtype=False
    )
    assert flags["opted_out"].any()
    assert flags["unseen"].any()


def test_the_numbers_are_those_of_each_clients_own_model(finished):
    of = finished
    plain = small.architecture().expert()
    mean, std = (np.array(of.preprocessing[name]) for name in ("mean", "std"))
    table = of.assignments

    def by_hand(parameters, chosen):
        rows = chosen["example"].to_numpy()
        features = torch.as_tensor(((of.examples.features[rows] - mean) / std).astype(np.float32))
        labels = torch.as_tensor(of.examples.labels[rows])
        flat = torch.cat([torch.as_tensor(value).flatten() for value in parameters])
        with torch.no_grad():
            logits = plain_loop.load(plain, flat)(features)
        right = (logits.argmax(dim=1) == labels).double().mean()
        return float(right), float(functional.cross_entropy(logits, labels))

    for position, client in enumerate(of.specialists.client_ids):
        sets = {
            "local": table[(table["client_id"] == client) & (table["split"] == "local_test")],
            "global": table[table["split"] == "global_test"],
        }
        models = {
            "fedavg": list(of.generalist.parameters.values()),
            "finetuned": [value[position] for value in of.specialists.parameters.values()],
            "local": [value[position] for value in of.locals.parameters.values()],
        }
        for method, parameters in models.items():
            for test_set, chosen in sets.items():
                accuracy, loss = by_hand(parameters, chosen)
                found = of.client_metrics.set_index(["client_id", "method", "test_set"]).loc[
                    client, method, test_set
                ]
                assert found["n"] == len(chosen)
                assert found["accuracy"] == pytest.approx(accuracy)
                assert found["loss"] == pytest.approx(loss, rel=1e-4)


def test_mixing_lies_between_its_experts_and_the_oracle_above(finished):
    wide = finished.client_metrics.pivot_table(
        index=["client_id", "test_set"], columns="method", values=["accuracy", "loss"]
    )
    best = wide["accuracy"][["fedavg", "finetuned"]].max(axis=1)
    assert (wide["accuracy"]["oracle"] >= best - 1e-12).all()
    # the logarithm is concave: mixing costs at most as much as the mean of both losses
    mean = wide["loss"][["fedavg", "finetuned"]].mean(axis=1)
    assert (wide["loss"]["average"] <= mean + 1e-6).all()


def test_the_gates_are_looked_at(finished):
    gates = finished.gate_weights
    assert set(gates["client_id"]) == {0, 1, 2, 3, 4}
    assert gates["mean_weight"].between(0, 1).all()
    counted = gates.groupby(["client_id", "test_set"])["n"].sum()
    sizes = finished.client_metrics.groupby(["client_id", "test_set"])["n"].first()
    pd.testing.assert_series_equal(counted, sizes)


def test_the_same_settings_give_the_same_bits(finished):
    again = run(CHANGES)
    for name in RESULTS:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(finished, name), check_exact=True)
    for name in ("generalist", *KINDS):
        for key, value in getattr(finished, name).parameters.items():
            assert getattr(again, name).parameters[key].tobytes() == value.tobytes()


def test_fewer_methods_change_no_number_of_those_that_stay(finished):
    few = run({**CHANGES, "personalization.methods": ["finetuned", "constant"]})
    assert len(few.locals) == len(few.mixtures) == len(few.gate_weights) == 0
    assert list(few.client_metrics["method"].unique()) == ["fedavg", "finetuned", "constant"]
    assert not few.client_metrics["calibrated"].any()
    before = finished.client_metrics
    kept = before[before["method"].isin(["fedavg", "finetuned", "constant"])]
    keys = ["client_id", "test_set", "method"]
    pd.testing.assert_frame_equal(
        few.client_metrics.sort_values(keys, ignore_index=True),
        kept.sort_values(keys, ignore_index=True),
        check_exact=True,
    )


def test_calibration_adds_rows_and_changes_none(finished):
    stored = {name: getattr(finished, name) for name in STORED}
    pipeline = evaluation.create_pipeline()
    changes = {**CHANGES, "personalization.calibration": "lowfreq", "evaluation.frontier": True}
    both = run(changes, pipeline=pipeline, stored=stored)
    plain = both.client_metrics[~both.client_metrics["calibrated"]]
    keys = ["client_id", "test_set", "method"]
    pd.testing.assert_frame_equal(
        plain.sort_values(keys, ignore_index=True),
        finished.client_metrics.sort_values(keys, ignore_index=True),
        check_exact=True,
    )
    pd.testing.assert_frame_equal(both.gate_weights, finished.gate_weights, check_exact=True)
    calibrated = both.client_metrics[both.client_metrics["calibrated"]]
    assert set(calibrated["method"]) == set(METHODS) - {"local", "finetuned"}
    losses = both.client_metrics.groupby(["method", "calibrated"])["loss"].mean()
    assert losses["fedavg", True] != losses["fedavg", False]
    # none of these settings matters to training, so the models of before are still good
    stronger = {**changes, "personalization.calibration_threshold": 9.0, "personalization.tolerance": 0.5}
    soft = run(stronger, pipeline=pipeline, stored=stored)
    losses = soft.client_metrics.groupby(["method", "calibrated"])["loss"].mean()
    assert losses["fedavg", True] == pytest.approx(losses["fedavg", False])
    assert soft.evaluation_record["settings"]["evaluation"]["tolerance"] == 0.5


def test_moved_dials_are_measured_only_if_asked_for(finished):
    assert len(finished.frontier) == 0
    assert list(finished.frontier.columns) == list(frontier.COLUMNS)
    stored = {name: getattr(finished, name) for name in STORED}
    moved = run(
        {**CHANGES, "evaluation.frontier": True}, pipeline=evaluation.create_pipeline(), stored=stored
    )
    table = moved.frontier
    assert set(table["method"]) == {"mixture", "density_ratio", "prior_shift", "wise_ft", "constant"}
    assert not table.duplicated(["client_id", "method", "calibrated", "dial", "test_set"]).any()
    assert set(table.loc[table["method"] == "constant", "dial"]) == {0.0, 0.25, 0.5, 0.75, 1.0}
    metrics = finished.client_metrics.set_index(["method", "client_id", "test_set"])["accuracy"]
    # all dials begin with the generalist, and these end with the specialist
    for name in set(table["method"]):
        rows = table[table["method"] == name]
        ends = [rows[rows["dial"] == end] for end in (rows["dial"].min(), rows["dial"].max())]
        first, last = (end.set_index(["client_id", "test_set"])["accuracy"] for end in ends)
        pd.testing.assert_series_equal(first, metrics["fedavg"].loc[first.index])
        if name in {"constant", "density_ratio", "wise_ft"}:
            pd.testing.assert_series_equal(last, metrics["finetuned"].loc[last.index])
        if name == "mixture":
            trained = rows[rows["dial"] == 0.0].set_index(["client_id", "test_set"])["accuracy"]
            pd.testing.assert_series_equal(trained, metrics["mixture"].loc[trained.index])


def test_the_stages_can_be_run_one_by_one(finished):
    stored = {name: getattr(finished, name) for name in STORED}
    again = run(CHANGES, pipeline=evaluation.create_pipeline(), stored=stored)
    pd.testing.assert_frame_equal(again.client_metrics, finished.client_metrics, check_exact=True)


def test_the_record_notes_the_settings_of_every_stage_and_the_tables_of_the_result(finished):
    settings = check_record(
        finished.evaluation_record,
        {name: getattr(finished, name) for name in ("clients", "federation_history", *RESULTS)},
    )
    noted = {group: settings[group] for group in GROUPS if group != "device"}
    expected = plain({group: getattr(finished.settings, group) for group in noted})
    for name in AT_EVALUATION:  # these are used when methods are evaluated
        expected["evaluation"][name] = expected["personalization"].pop(name)
    assert noted == expected
    with pytest.raises(UserError, match="client_metrics changed since the evaluation"):
        check_record(finished.evaluation_record, {"client_metrics": finished.client_metrics[1:]})


def test_a_stage_that_ran_with_other_settings_is_recorded_with_those(finished):
    stored = {name: getattr(finished, name) for name in STORED}
    changes = {**CHANGES, "federation.rounds": 99, "personalization.batch_size": 3}
    again = run(changes, pipeline=evaluation.create_pipeline(), stored=stored)
    assert again.settings.federation.rounds == 99
    assert again.evaluation_record["settings"]["federation"]["rounds"] == 3
    assert again.evaluation_record["settings"]["personalization"]["batch_size"] == 10
    assert again.evaluation_record["settings"]["evaluation"]["methods"] == list(
        again.settings.personalization.methods
    )


def refused(what, pipeline):
    return pytest.raises(UserError, match=f"stored {what} .*kedro run --pipelines {pipeline}")


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_another_partition_are_refused(finished, kind):
    # the same opt-in examples, but another local test: the generalist fits, the other models do not
    table = finished.assignments
    other = table[~((table["client_id"] == 2) & (table["split"] == "local_test") & (table.index % 2 == 0))]
    assert len(other) < len(table)
    with refused("locals", "specialist_training"):
        evaluate(finished, assignments=other)
    methods = {"locals": "local", "specialists": "finetuned", "mixtures": "mixture"}
    only = finished.settings.personalization.model_copy(update={"methods": (methods[kind],)})
    with refused(kind, KINDS[kind].pipeline) as caught:
        evaluate(finished, assignments=other, settings=only)
    assert "partition was made anew" in str(caught.value)


def test_models_beside_another_generalist_are_refused(finished):
    parameters = copy.deepcopy(finished.generalist.parameters)
    parameters["1.bias"][0] += 1e-6
    other = dataclasses.replace(finished.generalist, parameters=parameters)
    with refused("locals", "specialist_training") as caught:
        evaluate(finished, generalist=other)
    assert "generalist was trained anew" in str(caught.value)


def test_a_generalist_of_other_data_is_refused(finished):
    features = finished.examples.features.copy()
    table = finished.assignments
    features[table[table["opt_in"] & (table["split"] == "validation")]["example"].iloc[0]] += 1
    with refused("generalist", "federated_training"):
        evaluate(finished, examples=small.with_rows(finished.examples, features))


@pytest.mark.parametrize(
    ("part", "what", "pipeline"),
    [
        ("expert", "generalist", "federated_training"),
        ("specialist", "mixtures", "gate_training"),
        ("gate", "mixtures", "gate_training"),
    ],
)
def test_models_of_another_architecture_are_refused(finished, part, what, pipeline):
    model = finished.settings.model.model_copy(update={part: "small_cnn"})
    with refused(what, pipeline) as caught:
        evaluate(finished, model=model)
    assert f"`model.{part}` was changed" in str(caught.value)


def test_a_gate_that_no_method_asks_may_be_another_one(finished):
    changes = {"gate": "mlp"}
    methods = ("local", "finetuned")
    settings = finished.settings.personalization.model_copy(update={"methods": methods})
    metrics, _, _ = evaluate(
        finished, model=finished.settings.model.model_copy(update=changes), settings=settings
    )
    assert set(metrics["method"]) == {"fedavg", *methods}


def test_a_kind_that_was_not_trained_but_is_needed_is_refused_with_its_pipeline(finished):
    few = run({**CHANGES, "personalization.methods": ["finetuned"]})
    with refused("mixtures", "gate_training"):
        evaluate(few, settings=finished.settings.personalization, locals=finished.locals)


def test_mixtures_that_no_method_needs_and_that_belong_elsewhere_are_not_measured(finished):
    other = run({"seed": 8, "personalization.methods": ["finetuned"]})
    _, gates, _ = evaluate(other, mixtures=finished.mixtures)
    assert len(gates) == 0


def test_the_node_leaves_models_and_tables_alone(finished):
    before = copy.deepcopy({name: getattr(finished, name) for name in STORED})
    evaluate(finished)
    for name in ("clients", "assignments"):
        pd.testing.assert_frame_equal(getattr(finished, name), before[name], check_exact=True)
    for name in ("generalist", *KINDS):
        for key, value in before[name].parameters.items():
            assert getattr(finished, name).parameters[key].tobytes() == value.tobytes()


def test_evaluation_needs_every_kind_and_every_node_has_a_description():
    assert set(KINDS) < evaluation.create_pipeline().inputs()
    assert all(node.func.__doc__ for node in SLICE.nodes)
    groups = {f"params:{group}" for group in (*GROUPS, "engine")}
    assert SLICE.inputs() == {"examples", "checkpoints"} | groups
