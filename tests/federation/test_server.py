"""Federated averaging is what a hand-written loop gives, and the kept model is the one that was validated."""

from __future__ import annotations

import dataclasses
import json
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from fedexperts.errors import UserError
from fedexperts.federation.rounds import Federation, train_round
from fedexperts.federation.sampling import sample_cohort
from fedexperts.federation.server import train_generalist, validate
from fedexperts.models.architecture import initial_parameters
from fedexperts.randomness import generator
from fedexperts.training.data import CohortData
from fedexperts.training.engine import Engine
from fedexperts.training.stacked import StackedModule

TESTS = Path(__file__).parents[1]
small = SimpleNamespace(**runpy.run_path(str(TESTS / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(TESTS / "training" / "plain_loop.py")))

EXACT = {"rtol": 0.0, "atol": 1e-10}


def federation(clients, chosen, dtype=torch.float64):
    """What the server works with, in any precision, with the model and weights it starts from."""
    models = small.architecture()
    first = initial_parameters(models.expert, chosen.seed, "federation/initial")
    plain = models.expert().to(dtype)
    inputs = (torch.as_tensor(clients.features, dtype=dtype),)
    labels = torch.as_tensor(clients.labels)
    module = StackedModule(plain)
    server = Federation(
        module=module,
        client_ids=clients.client_ids,
        training=CohortData(inputs, labels, clients.train),
        validation=CohortData(inputs, labels, [rows for rows in clients.validation if len(rows)]),
        settings=chosen.federation,
        engine=small.ENGINE,
        seed=chosen.seed,
    )
    start = module.row(first).to(dtype)
    return server, plain, start


def plain_round(server, plain, weights, number):
    chosen = server.settings
    cohort = sample_cohort(len(server.client_ids), chosen.clients_per_round, server.seed, number)
    streams = [
        generator(server.seed, "federation/batches", server.client_ids[position], number)
        for position in cohort
    ]
    rows = [server.training.clients[position] for position in cohort]
    return plain_loop.federated_round(
        plain, weights, server.training, rows, chosen.local_training(), streams, chosen.local_epochs
    )


def plain_validation(server, plain, weights):
    """The mean over the clients of their mean loss and accuracy."""
    found = [
        plain_loop.measure(plain, weights, server.validation, rows) for rows in server.validation.clients
    ]
    return np.mean(found, axis=0)


def kept_row(server, weights):
    return server.module.rows(
        {name: torch.as_tensor(value)[None] for name, value in weights.parameters.items()}
    )[0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_rounds_equal_a_hand_written_fedavg(optimizer):
    of = small.world({"federation.optimizer": optimizer, "partition.opt_out_clients": [1]})
    clients = small.opt_in_clients(of)
    assert len({len(rows) for rows in clients.train}) > 1
    server, plain, weights = federation(clients, of.settings)
    by_hand = weights.clone()
    for number in (1, 2, 3):
        before = weights.clone()
        weights, entry = train_round(server, server.workers(), weights, number)
        assert not torch.equal(weights, before)
        by_hand = plain_round(server, plain, by_hand, number)
        torch.testing.assert_close(weights, by_hand, **EXACT)
        assert (entry["round"], entry["clients"]) == (number, 2)
        assert np.isnan(entry["validation_loss"])


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 5])
def test_the_size_of_chunks_changes_nothing_but_rounding(chunk_size):
    of = small.world({"federation.clients_per_round": 5})
    server, plain, weights = federation(small.opt_in_clients(of), of.settings)
    server = dataclasses.replace(server, engine=Engine(small.CPU, chunk_size))
    found, entry = train_round(server, server.workers(), weights, 1)
    torch.testing.assert_close(found, plain_round(server, plain, weights, 1), **EXACT)
    assert entry["clients"] == 5


def test_any_number_of_workers_gives_the_same_bits():
    of = small.world({"federation.clients_per_round": 5})
    clients, chosen = small.opt_in_clients(of), of.settings
    results = [
        train_generalist(
            clients,
            chosen.model,
            chosen.federation,
            0,
            Engine(small.CPU, chunk_size, workers),
            small.checkpoints(),
        )
        for chunk_size, workers in [(None, 1), (None, 2), (1, 1), (1, 2), (1, 4)]
    ]
    bits = [(model.to_arrays()[0]["1.weight"].tobytes(), history.to_csv()) for model, history in results]
    assert bits[0] == bits[1]
    assert bits[2] == bits[3] == bits[4]
    assert results[0][0].lineage["engine"] == '{"device": "cpu", "chunk_size": 3}'


def test_a_round_leaves_the_model_that_was_sent_out_alone():
    of = small.world()
    server, _, weights = federation(small.opt_in_clients(of), of.settings)
    before = weights.clone()
    train_round(server, server.workers(), weights, 1)
    assert torch.equal(weights, before)


def test_validation_is_the_mean_over_clients_of_their_means():
    of = small.world({"partition.validation_size": 0.4})
    clients = small.opt_in_clients(of)
    # of very different sizes, so that the mean over examples is another one
    clients = dataclasses.replace(
        clients, validation=(clients.validation[0][:1], *clients.validation[1:4], clients.validation[4][:0])
    )
    server, plain, weights = federation(clients, of.settings)
    assert len(server.validation.clients) == 4
    loss, accuracy = plain_validation(server, plain, weights)
    found = validate(server, weights)
    assert found["validation_loss"] == pytest.approx(loss, abs=1e-10)
    assert found["validation_accuracy"] == pytest.approx(accuracy, abs=1e-10)


# Large steps on few examples: the model gets worse after it was best.
OVERFITTING = {
    "federation.rounds": 12,
    "federation.learning_rate": 0.03,
    "federation.local_epochs": 4,
    "federation.validate_every": 2,
    "partition.alpha": 0.3,
}


@pytest.fixture(scope="module")
def overfitted():
    of = small.world(OVERFITTING)
    clients = small.opt_in_clients(of)
    chosen = of.settings
    weights, history = train_generalist(
        clients, chosen.model, chosen.federation, chosen.seed, small.ENGINE, small.checkpoints()
    )
    return SimpleNamespace(of=of, clients=clients, weights=weights, history=history)


def test_the_kept_model_is_the_very_one_that_was_validated_as_best(overfitted):
    # defect 2 of the reference code: it keeps the last client's model instead
    history = overfitted.history
    best = int(history["validation_loss"].idxmin()) + 1
    assert best < 12
    assert history.loc[history["best"], "round"].tolist() == [best]
    server, plain, weights = federation(overfitted.clients, overfitted.of.settings, torch.float32)
    kept = kept_row(server, overfitted.weights)
    loss, accuracy = plain_validation(server, plain, kept)
    assert loss == pytest.approx(history["validation_loss"].min(), rel=1e-5)
    assert accuracy == pytest.approx(float(history.loc[history["best"], "validation_accuracy"].iloc[0]))
    for number in range(1, best + 1):
        weights, _ = train_round(server, server.workers(), weights, number)
    assert torch.equal(kept, weights)


def test_every_validation_looks_at_the_same_fixed_clients(overfitted):
    # defect 3 of the reference code: it draws other clients each time
    history = overfitted.history
    assert history["round"].tolist() == list(range(1, 13))
    validated = history["validation_loss"].notna()
    assert history.loc[validated, "round"].tolist() == [2, 4, 6, 8, 10, 12]
    assert (history["validation_accuracy"].notna() == validated).all()
    server, plain, weights = federation(overfitted.clients, overfitted.of.settings, torch.float32)
    assert len(server.validation.clients) == 5
    for number in range(1, 13):
        weights, entry = train_round(server, server.workers(), weights, number)
        row = history.loc[number - 1]
        assert row["train_loss"] == entry["train_loss"]
        if validated[number - 1]:
            loss, accuracy = plain_validation(server, plain, weights)
            assert row["validation_loss"] == pytest.approx(loss, rel=1e-4)
            assert row["validation_accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_the_last_round_is_always_validated():
    of = small.world({"federation.rounds": 4, "federation.validate_every": 3})
    chosen = of.settings
    _, history = train_generalist(
        small.opt_in_clients(of),
        chosen.model,
        chosen.federation,
        chosen.seed,
        small.ENGINE,
        small.checkpoints(),
    )
    assert history["validation_loss"].notna().tolist() == [False, False, True, True]


def run(changes, seed=None):
    of = small.world(changes)
    chosen = of.settings
    clients = small.opt_in_clients(of)
    seed = chosen.seed if seed is None else seed
    return train_generalist(clients, chosen.model, chosen.federation, seed, small.ENGINE, small.checkpoints())


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not():
    (first, history), (second, again), (other, _) = run({}), run({}), run({}, seed=4)
    assert history.equals(again)
    for name, value in first.parameters.items():
        assert value.tobytes() == second.parameters[name].tobytes()
        assert value.tobytes() != other.parameters[name].tobytes()


def test_the_result_is_described():
    weights, history = run({})
    shapes = {name: tuple(value.shape) for name, value in small.architecture().expert().named_parameters()}
    assert {name: value.shape for name, value in weights.parameters.items()} == shapes
    assert all(value.dtype == np.float32 for value in weights.parameters.values())
    assert weights.lineage["opt_in"] == small.opt_in_clients(small.world({})).fingerprint
    assert weights.lineage["expert"] == "mlp"
    noted = json.loads(weights.lineage["settings"])
    assert (noted["seed"], noted["federation"]["rounds"], noted["model"]["gate"]) == (
        3,
        3,
        "logistic_regression",
    )
    assert history.columns.tolist() == [
        "round",
        "clients",
        "absent",
        "failed",
        "train_loss",
        "validation_loss",
        "validation_accuracy",
        "best",
    ]
    assert history["clients"].tolist() == [2, 2, 2]


def test_training_helps():
    _, history = run({"federation.rounds": 8, "federation.clients_per_round": 4})
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert history["validation_accuracy"].max() > 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"federation.clients_per_round": 4, "partition.opt_out_clients": [0, 1]},
            r"`federation.clients_per_round` is 4, but only 3 clients",
        ),
        (
            {"federation.learning_rate": 1e6, "federation.optimizer": "sgd"},
            r"`federation.learning_rate` \(now 1000000",
        ),
        ({"federation.aggregation": "fedavgg"}, "aggregation rule 'fedavgg'"),
    ],
)
def test_what_cannot_work_is_refused_with_the_setting(changes, message):
    with pytest.raises(UserError, match=message):
        run(changes)


def test_a_federation_without_validation_examples_is_refused_with_the_setting():
    of = small.world()
    rows = of.assignments
    of.assignments = rows.assign(opt_in=rows["opt_in"] & (rows["split"] == "train"))
    with pytest.raises(UserError, match=r"`partition\.validation_size`"):
        train_generalist(
            small.opt_in_clients(of),
            of.settings.model,
            of.settings.federation,
            0,
            small.ENGINE,
            small.checkpoints(),
        )


def test_a_model_that_nobody_can_train_any_more_ends_the_run(monkeypatch):
    calls = []

    def explode(models, _examples):
        calls.append(len(models))
        return models[0] * (float("inf") if len(calls) > 1 else 1.0)

    rules = ModuleType("somebodys_rules")
    rules.explode = explode
    monkeypatch.setitem(sys.modules, "somebodys_rules", rules)
    with pytest.raises(UserError, match="round 3: training failed for 2 of 2 clients"):
        run({"federation.aggregation": "somebodys_rules:explode"})
    assert calls == [2, 2]


def test_work_of_another_processor_is_not_gone_on_with(tmp_path, monkeypatch):
    of = small.world()
    chosen, clients = of.settings, small.opt_in_clients(of)

    def train(owner):
        unfinished = small.checkpoints(
            tmp_path, owner=owner, resume="auto" if owner == "first" else "required"
        )
        train_generalist(clients, chosen.model, chosen.federation, 0, small.ENGINE, unfinished)

    train("first")
    train("second")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another one")
    with pytest.raises(UserError, match=r"no unfinished generalist .* differs in processor;"):
        train("third")
