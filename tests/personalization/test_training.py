"""Training personal models, against plain PyTorch and beside a generalist that stays as it is."""

from __future__ import annotations

import copy
import json
import runpy
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from fedexperts.errors import UserError
from fedexperts.models.architecture import initial_parameters
from fedexperts.models.weights import GeneralistWeights
from fedexperts.personalization import finetuning, local, mixture
from fedexperts.personalization import training as training_module
from fedexperts.personalization.data import select_personal
from fedexperts.personalization.panel import Panel
from fedexperts.personalization.predictions import consult, load_kind, predict
from fedexperts.personalization.registry import KINDS, METHODS
from fedexperts.personalization.training import Training, prepare, train_models
from fedexperts.randomness import generator
from fedexperts.training.engine import Engine

TESTS = Path(__file__).parents[1]
small = SimpleNamespace(**runpy.run_path(str(TESTS / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(TESTS / "training" / "plain_loop.py")))

SEED = 9


def generalist_of(models):
    first = initial_parameters(models.expert, 0, "generalist")
    return GeneralistWeights({name: value.numpy() for name, value in first.items()}, {"opt_in": "x"})


def bench_of(changes=None, models=None, double=False):
    """Data, settings and workbench; in float64 where results are compared to the last digit."""
    of = small.world(changes)
    models = small.architecture() if models is None else models
    data = select_personal(of.examples, of.clients, of.assignments, of.preprocessing)
    weights = generalist_of(models)
    if double:
        data = replace(data, features=data.features.astype(np.float64))
        weights = GeneralistWeights(
            {name: value.astype(np.float64) for name, value in weights.parameters.items()}, {}
        )
    bench = prepare(data, weights, models, small.CPU)
    return SimpleNamespace(
        data=data,
        bench=bench,
        generalist=weights,
        models=models,
        settings=of.settings.personalization,
        double=double,
    )


def in_float64(kind):
    """The same kind of model, whose first weights are of the precision of the data."""

    def start(*arguments):
        return {name: value.double() for name, value in kind.start(*arguments).items()}

    return SimpleNamespace(module=kind.module, start=start, inputs=kind.inputs, training=kind.training)


def trained(at, name, seed=SEED, engine=None, checkpoints=None):
    kind = in_float64(load_kind(name)) if at.double else load_kind(name)
    training = Training(name, kind, at.bench, at.data, at.settings, seed)
    return train_models(
        training, engine or small.ENGINE, {"partition": "p"}, checkpoints or small.checkpoints()
    )


def row(weights, position):
    return torch.cat([torch.as_tensor(value[position]).flatten() for value in weights.parameters.values()])


class PaperMixture(nn.Module):
    """Equation 1 of the paper with all three networks inside, the generalist frozen."""

    def __init__(self, specialist, gate, generalist):
        super().__init__()
        self.specialist, self.gate = specialist, gate
        # in a list, so that it is no part of what is trained
        self.frozen = [generalist.eval().requires_grad_(requires_grad=False)]

    def forward(self, features):
        weight = self.gate(features).sigmoid()
        specialist = self.specialist(features).softmax(dim=1)
        generalist = self.frozen[0](features).softmax(dim=1)
        return (weight * specialist + (1 - weight) * generalist).log()


def loaded(module, parameters):
    module = copy.deepcopy(module).double()
    vector_to_parameters(torch.cat([value.double().flatten() for value in parameters]), module.parameters())
    return module


@pytest.mark.parametrize("gate_rate", [None, 0.05])
def test_mixtures_equal_the_papers_equation_in_plain_pytorch(gate_rate):
    changes = {"partition.opt_out_examples": 0.4, "personalization.gate_learning_rate": gate_rate}
    at = bench_of(changes, double=True)
    found = trained(at, "mixtures")
    assert found.parameters["gate.1.weight"].dtype == np.float64
    generalist = loaded(at.models.expert(), map(torch.as_tensor, at.generalist.parameters.values()))
    data = SimpleNamespace(inputs=(at.bench.features,), labels=at.bench.labels)
    for position, client in enumerate(at.data.client_ids):
        first_gate = initial_parameters(at.models.gate, SEED, "mixtures/gate", client)
        start = PaperMixture(
            copy.deepcopy(generalist).requires_grad_(requires_grad=True),
            loaded(at.models.gate(), first_gate.values()),
            generalist,
        )
        weights, losses = plain_loop.train_until_stopped(
            start,
            parameters_to_vector(start.parameters()).detach(),
            data,
            at.data.train[position],
            at.data.validation[position],
            at.settings.local_training().model_copy(
                update={"own_rates": {"gate.": gate_rate} if gate_rate else {}}
            ),
            generator(SEED, "mixtures/batches", client),
            max_epochs=at.settings.max_epochs,
            patience=at.settings.patience,
        )
        torch.testing.assert_close(row(found, position), weights, rtol=0, atol=1e-9)
        assert found.epochs[position] == losses.index(min(losses))
    assert found.epochs.max() > 0


@pytest.mark.parametrize(("name", "kind"), [("specialists", finetuning), ("locals", local)])
def test_experts_equal_a_plain_loop_from_their_own_start(name, kind):
    at = bench_of({"partition.opt_out_clients": [1]}, double=True)
    found = trained(at, name)
    data = SimpleNamespace(inputs=(at.bench.features,), labels=at.bench.labels)
    rate = {"specialists": at.settings.learning_rate, "locals": at.settings.local_learning_rate}[name]
    for position, client in enumerate(at.data.client_ids):
        start = {
            "specialists": {key: torch.as_tensor(value) for key, value in at.generalist.parameters.items()},
            "locals": initial_parameters(at.models.expert, SEED, "locals/initial", client),
        }[name]
        plain = loaded(at.models.expert(), start.values())
        weights, _ = plain_loop.train_until_stopped(
            plain,
            parameters_to_vector(plain.parameters()).detach(),
            data,
            at.data.train[position],
            at.data.validation[position],
            at.settings.local_training(rate),
            generator(SEED, f"{name}/batches", client),
            max_epochs=at.settings.max_epochs,
            patience=at.settings.patience,
        )
        torch.testing.assert_close(row(found, position), weights, rtol=0, atol=1e-9)
    assert kind.training(at.settings).learning_rate == rate


@pytest.mark.parametrize("name", KINDS)
def test_chunks_change_nothing_but_rounding_and_workers_nothing_at_all(name):
    at = bench_of(double=True)
    together = trained(at, name, engine=Engine(small.CPU, 100))
    for chunk_size in (1, 2):
        one, two = (trained(at, name, engine=Engine(small.CPU, chunk_size, workers)) for workers in (1, 2))
        for key, value in together.parameters.items():
            np.testing.assert_allclose(one.parameters[key], value, rtol=0, atol=1e-10)
            assert one.parameters[key].tobytes() == two.parameters[key].tobytes()
        assert one.epochs.tolist() == two.epochs.tolist() == together.epochs.tolist()


@pytest.mark.parametrize(("most", "patience", "count"), [(1, 2, 5), (60, 2, 0)])
def test_the_log_says_whose_training_was_cut_off(most, patience, count, caplog):
    caplog.set_level("INFO")
    at = bench_of({"personalization.max_epochs": most, "personalization.patience": patience})
    trained(at, "specialists")
    said = f"{count} of 5 specialists trained for all personalization.max_epochs"
    assert (said in caplog.text) == ("trained for all" in caplog.text) == bool(count)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("name", KINDS)
def test_a_client_whose_training_fails_keeps_the_generalist_and_is_marked(name, split, caplog):
    at, sound = bench_of(), bench_of()
    at.bench.features[getattr(at.data, split)[1]] = float("nan")
    found, others = trained(at, name), trained(sound, name)
    failing = at.data.client_ids[1]
    assert found.failed == {failing}
    assert others.failed == set()
    assert f"failed for the clients [{failing}]" in caplog.text
    for key, value in found.parameters.items():
        for position in (0, 2):
            np.testing.assert_allclose(value[position], others.parameters[key][position], atol=1e-6)
    models = dict.fromkeys(KINDS, others) | {name: found}
    kinds = {name: load_kind(name)}
    (asked,) = Panel(sound.bench, sound.data, models, kinds, None).outputs(1, sound.data.global_test)
    np.testing.assert_array_equal(asked.personal[name], asked.generalist)
    (other,) = Panel(sound.bench, sound.data, models, kinds, None).outputs(0, sound.data.global_test)
    assert not np.array_equal(other.personal[name], other.generalist)


def test_work_of_another_processor_is_not_gone_on_with(tmp_path, monkeypatch):
    at = bench_of()
    trained(at, "locals", checkpoints=small.checkpoints(tmp_path))
    trained(at, "locals", checkpoints=small.checkpoints(tmp_path, owner="another", resume="required"))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another one")
    with pytest.raises(UserError, match=r"no unfinished locals .* differs in processor;"):
        trained(at, "locals", checkpoints=small.checkpoints(tmp_path, owner="a third", resume="required"))


def test_training_touches_neither_the_generalist_nor_any_other_model():
    # defects 5 and 7 of the reference code
    at = bench_of()
    specialists = trained(at, "specialists")
    generalist_before = copy.deepcopy(at.generalist.parameters)
    specialists_before = copy.deepcopy(specialists.parameters)
    tensors_before = {name: value.clone() for name, value in at.bench.generalist.items()}
    says_before = at.bench.generalist_log_probs.clone()
    mixtures = trained(at, "mixtures")
    assert mixtures.epochs.max() > 0
    for name, value in generalist_before.items():
        assert at.generalist.parameters[name].tobytes() == value.tobytes()
        assert torch.equal(at.bench.generalist[name], tensors_before[name])
        assert at.bench.generalist[name].grad is None
        assert specialists.parameters[name].tobytes() == specialists_before[name].tobytes()
        moved = mixtures.parameters[f"specialist.{name}"]
        assert not np.array_equal(moved, np.broadcast_to(value, moved.shape))
    assert torch.equal(at.bench.generalist_log_probs, says_before)
    assert not at.bench.generalist_log_probs.requires_grad
    assert {name.split(".")[0] for name in mixtures.parameters} == {"specialist", "gate"}


def test_what_the_generalist_says_is_constant_and_normalised():
    at = bench_of()
    plain = plain_loop.load(at.models.expert(), parameters_to_vector(at.bench.generalist.values())).eval()
    with torch.no_grad():
        by_hand = plain(at.bench.features).log_softmax(dim=1)
    torch.testing.assert_close(at.bench.generalist_log_probs, by_hand)


def test_the_result_says_whose_models_these_are_and_what_they_come_from():
    at = bench_of({"partition.evaluated_clients": 3})
    found = trained(at, "specialists")
    assert found.client_ids.tolist() == list(at.data.client_ids)
    assert len(found) == 3
    engine = {"device": "cpu", "chunk_size": 2}
    assert found.lineage == {"partition": "p", "engine": json.dumps(engine)}
    assert all(len(value) == 3 for value in found.parameters.values())
    assert ((found.epochs >= 0) & (found.epochs <= at.settings.max_epochs)).all()


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_gives_the_same_bits(name):
    at = bench_of()
    first, second, other = trained(at, name), trained(at, name), trained(at, name, seed=SEED + 1)
    for key, value in first.parameters.items():
        assert value.tobytes() == second.parameters[key].tobytes()
    assert any(value.tobytes() != other.parameters[key].tobytes() for key, value in first.parameters.items())


@pytest.mark.parametrize("name", KINDS)
def test_who_else_is_evaluated_changes_nothing_for_a_client(name):
    everyone = bench_of(double=True)
    few = bench_of({"partition.evaluated_clients": 2}, double=True)
    assert set(few.data.client_ids) < set(everyone.data.client_ids)
    all_models, few_models = trained(everyone, name), trained(few, name)
    for position, client in enumerate(few.data.client_ids):
        there = everyone.data.client_ids.index(client)
        torch.testing.assert_close(row(few_models, position), row(all_models, there), rtol=0, atol=1e-9)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_the_epochs_ahead_and_ends_with_none(monkeypatch, workers):
    told = []

    @contextmanager
    def listen(title, total, before):
        assert (title, before) == ("Epochs of specialists", 0)
        assert total == 5 * at.settings.max_epochs
        yield lambda done, status: told.append((done, status))

    monkeypatch.setattr(training_module, "progress", listen)
    at = bench_of()
    trained(at, "specialists", engine=Engine(small.CPU, 2, workers))
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert told[-1] == (5 * at.settings.max_epochs, "5 of 5 clients done")
    if workers == 1:
        assert told[0] == (2, "0 of 5 clients done")  # the first chunk's two clients after one epoch


def test_clients_start_local_models_and_gates_apart():
    models, nothing = small.architecture(), {"w": torch.zeros(1)}
    starts = [local.start(models, nothing, client, SEED) for client in (0, 1)]
    assert not torch.equal(starts[0]["1.weight"], starts[1]["1.weight"])
    generalist = {name: value.detach() for name, value in models.expert().named_parameters()}
    starts = [mixture.start(models, generalist, client, SEED) for client in (0, 1)]
    assert not torch.equal(starts[0]["gate.1.weight"], starts[1]["gate.1.weight"])
    assert torch.equal(starts[0]["specialist.1.weight"], generalist["1.weight"])


def predict_all(bench, data, weights, settings):
    asked = consult(bench, data, weights, settings.methods)
    return [found for client in asked for found in predict(client, settings)]


@pytest.fixture(scope="module")
def everything():
    at = bench_of()
    at.weights = {name: trained(at, name) for name in KINDS}
    at.settings = at.settings.model_copy(update={"methods": tuple(METHODS)})
    at.found = list(predict_all(at.bench, at.data, at.weights, at.settings))
    return at


def test_all_methods_predict_the_very_same_examples(everything):
    # defect 11 of the reference code
    data = everything.data
    assert len(everything.found) == len(data.client_ids) * 2 * len(METHODS)
    for found in everything.found:
        rows = data.local_test[found.position] if found.test_set == "local" else data.global_test
        assert found.labels.tolist() == data.labels[rows].tolist()
        assert found.log_probs.shape == (len(rows), 3)
        np.testing.assert_allclose(np.exp(found.log_probs).sum(axis=1), 1.0, rtol=1e-5)
    assert everything.found[0].method == "fedavg"
    kinds = {(found.position, found.test_set, found.method) for found in everything.found}
    assert len(kinds) == len(everything.found)


def test_predictions_are_what_each_clients_own_model_says(everything):
    data, models = everything.data, everything.models
    generalist = everything.bench.generalist_log_probs.numpy()
    plain = {
        "locals": models.expert(),
        "specialists": models.expert(),
        "mixtures": mixture.module(models),
    }

    def by_hand(kind, position, rows):
        model = plain_loop.load(plain[kind], row(everything.weights[kind], position))
        features = everything.bench.features[rows]
        inputs = (
            (features, everything.bench.generalist_log_probs[rows]) if kind == "mixtures" else (features,)
        )
        with torch.no_grad():
            return model(*inputs).log_softmax(dim=1).numpy()

    of_method = {"local": "locals", "finetuned": "specialists", "mixture": "mixtures"}
    for found in everything.found:
        rows = data.local_test[found.position] if found.test_set == "local" else data.global_test
        if found.method == "fedavg":
            np.testing.assert_array_equal(found.log_probs, generalist[rows])
        elif found.method in of_method:
            expected = by_hand(of_method[found.method], found.position, rows)
            np.testing.assert_allclose(found.log_probs, expected, atol=1e-5)
        elif found.method == "average":
            both = np.exp(by_hand("specialists", found.position, rows)) + np.exp(generalist[rows])
            np.testing.assert_allclose(np.exp(found.log_probs), both / 2, atol=1e-6)


def test_a_method_predicts_alike_whichever_others_are_chosen(everything):
    alone = everything.settings.model_copy(update={"methods": ("constant",)})
    found = [
        one
        for one in predict_all(
            everything.bench, everything.data, {"specialists": everything.weights["specialists"]}, alone
        )
        if one.method == "constant"
    ]
    before = [one for one in everything.found if one.method == "constant"]
    assert len(found) == len(before) > 0
    for one, other in zip(found, before, strict=True):
        np.testing.assert_array_equal(one.log_probs, other.log_probs)
