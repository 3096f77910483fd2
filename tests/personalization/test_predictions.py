"""Every client's models asked: with plain and calibrated generalist, and with moved dials."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from fedexperts.models.architecture import initial_parameters
from fedexperts.models.weights import FAILED, ClientWeights, GeneralistWeights
from fedexperts.personalization.data import class_proportions, select_personal
from fedexperts.personalization.predictions import consult, load_dials, load_kind, move_dials, predict
from fedexperts.personalization.registry import KINDS, METHODS
from fedexperts.personalization.training import prepare

TESTS = Path(__file__).parents[1]
small = SimpleNamespace(**runpy.run_path(str(TESTS / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(TESTS / "training" / "plain_loop.py")))

BIAS = np.array([0.7, -0.5, -0.2], dtype=np.float32)


def models_of(kind, bench, clients):
    """Models that nobody trained: every client's starting point, moved a little."""
    stream = torch.Generator().manual_seed(4)
    starts = [load_kind(kind).start(bench.architecture, bench.generalist, client, 1) for client in clients]
    return ClientWeights(
        client_ids=np.array(clients),
        parameters={
            name: np.stack(
                [(start[name] + 0.5 * torch.randn(value.shape, generator=stream)).numpy() for start in starts]
            )
            for name, value in starts[0].items()
        },
        lineage={},
        epochs=np.ones(len(clients), dtype=np.int64),
    )


@pytest.fixture(scope="module")
def at():
    of = small.world({"personalization.methods": list(METHODS)})
    architecture = small.architecture()
    first = initial_parameters(architecture.expert, 0, "generalist")
    generalist = GeneralistWeights({name: value.numpy() for name, value in first.items()}, {})
    data = select_personal(of.examples, of.clients, of.assignments, of.preprocessing)
    bench = prepare(data, generalist, architecture, small.CPU)
    models = {kind: models_of(kind, bench, data.client_ids) for kind in KINDS}
    settings = of.settings.personalization
    asked = list(consult(bench, data, models, settings.methods, BIAS))
    return SimpleNamespace(data=data, bench=bench, models=models, settings=settings, asked=asked)


def test_every_client_is_asked_with_both_generalists(at):
    asked = [(client.position, client.calibrated) for client in at.asked]
    expected = [(position, form) for position in range(len(at.data.client_ids)) for form in (False, True)]
    assert asked == expected
    for client in at.asked:
        assert (
            client.validation.labels.tolist() == at.data.labels[at.data.validation[client.position]].tolist()
        )
        assert client.tests["global"].labels.tolist() == at.data.labels[at.data.global_test].tolist()


def test_without_a_bias_only_the_plain_one_is_asked_and_says_the_same(at):
    alone = list(consult(at.bench, at.data, at.models, at.settings.methods))
    plain = [client for client in at.asked if not client.calibrated]
    assert len(alone) == len(plain)
    for one, other in zip(alone, plain, strict=True):
        pairs = zip(predict(one, at.settings), predict(other, at.settings), strict=True)
        assert all(np.array_equal(found.log_probs, before.log_probs) for found, before in pairs)


def test_the_calibrated_generalist_is_heard_by_every_model_that_is_shown_it(at):
    plain, calibrated = at.asked[:2]
    test, other = plain.tests["global"], calibrated.tests["global"]
    expected = log_softmax(test.generalist - BIAS, axis=1)
    np.testing.assert_allclose(other.generalist, expected, atol=1e-6)
    for kind in ("locals", "specialists"):
        np.testing.assert_array_equal(other.personal[kind], test.personal[kind])
    # the mixture: the gate and the specialist as they are, beside the other generalist
    parts = test.parts()
    weight = 1 / (1 + np.exp(-parts.gate[:, None]))
    for of, generalist in ((test, test.generalist), (other, expected)):
        mixed = weight * np.exp(parts.specialist) + (1 - weight) * np.exp(generalist)
        np.testing.assert_allclose(np.exp(of.personal["mixtures"]), mixed, atol=1e-6)


def test_a_kind_of_model_that_is_shown_the_generalist_in_another_form_hears_the_calibrated_one(
    at, monkeypatch
):
    mixture = load_kind("mixtures")
    spelt = SimpleNamespace(
        module=mixture.module, inputs=lambda features, heard: (features, heard.exp().log())
    )
    monkeypatch.setattr("fedexperts.personalization.predictions.load_kind", lambda _name: spelt)
    _, calibrated = list(consult(at.bench, at.data, at.models, ("mixture",), BIAS))[:2]
    before = at.asked[1].tests["local"].personal["mixtures"]
    np.testing.assert_allclose(calibrated.tests["local"].personal["mixtures"], before, atol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_interpolated_weights_are_those_of_one_model_in_between(at, weight):
    position = 2
    plain, calibrated = at.asked[2 * position : 2 * position + 2]
    own = at.models["specialists"].parameters
    between = [
        (1 - weight) * value + weight * torch.as_tensor(own[name][position])
        for name, value in at.bench.generalist.items()
    ]
    model = plain_loop.load(at.bench.architecture.expert(), torch.cat([value.flatten() for value in between]))
    with torch.no_grad():
        logits = model(at.bench.features[at.data.global_test]).numpy()
    test, other = plain.tests["global"], calibrated.tests["global"]
    np.testing.assert_allclose(test.interpolated(weight), log_softmax(logits, axis=1), atol=1e-5)
    # the bias is taken off the last layer of the generalist, and fades with its weights
    last = log_softmax(logits - (1 - weight) * BIAS, axis=1)
    np.testing.assert_allclose(other.interpolated(weight), last, atol=1e-5)
    if weight == 1.0:
        np.testing.assert_array_equal(test.interpolated(1.0), test.personal["specialists"])
        np.testing.assert_allclose(other.interpolated(1.0), test.personal["specialists"], atol=1e-6)


def test_a_model_in_between_is_computed_once_and_only_if_asked_for(at, monkeypatch):
    calls = []
    panel = "fedexperts.personalization.panel.Panel._interpolated"
    original = __import__("fedexperts.personalization.panel", fromlist=["Panel"]).Panel._interpolated

    def counted(self, position, features, weight):
        calls.append((position, weight))
        return original(self, position, features, weight)

    monkeypatch.setattr(panel, counted)
    few = at.settings.model_copy(update={"methods": ("constant", "wise_ft"), "wise_ft_weights": 3})
    first = next(iter(consult(at.bench, at.data, at.models, few.methods, BIAS)))
    list(predict(first, few.model_copy(update={"methods": ("constant",)})))
    assert calls == []
    for client in consult(at.bench, at.data, at.models, few.methods, BIAS):
        list(predict(client, few))
        list(move_dials(client, few))
    # three on each of the three sets of every client, for plain and calibrated generalist together
    assert len(calls) == 9 * len(at.data.client_ids)


def test_methods_that_do_not_ask_the_generalist_are_there_once(at):
    found = [one for client in at.asked for one in predict(client, at.settings)]
    forms = {(one.method, one.calibrated) for one in found}
    plain = {(name, False) for name in METHODS}
    assert forms == plain | {(name, True) for name in METHODS if name not in {"local", "finetuned"}}
    assert len(found) == len(at.data.client_ids) * 2 * len(forms)
    for one in found:
        np.testing.assert_allclose(np.exp(one.log_probs).sum(axis=1), 1.0, rtol=1e-5)
        assert one.dial is None


def test_a_moved_dial_meets_the_method_where_it_was_set(at):
    dials = load_dials(at.settings.methods)
    for client in at.asked[:4]:
        moved = list(move_dials(client, at.settings))
        assert len(moved) == 2 * sum(len(dial.values(at.settings)) for dial in dials.values())
        by_method = {}
        for one in moved:
            by_method.setdefault((one.method, one.test_set), []).append(one.log_probs)
        for one in predict(client, at.settings):
            if one.method in dials:
                curve = by_method[one.method, one.test_set]
                assert min(np.abs(np.exp(points) - np.exp(one.log_probs)).max() for points in curve) < 1e-6
        specialist = client.tests["local"].personal["specialists"]
        for name in ("constant", "density_ratio", "wise_ft"):
            np.testing.assert_allclose(by_method[name, "local"][-1], specialist, atol=1e-6)
        for name in dials:
            np.testing.assert_allclose(
                by_method[name, "local"][0], client.tests["local"].generalist, atol=1e-5
            )


def test_a_mixture_whose_training_failed_is_the_generalist_wherever_its_gate_is_moved(at):
    epochs = np.array([1, FAILED, *[1] * (len(at.data.client_ids) - 2)])
    models = at.models | {"mixtures": replace(at.models["mixtures"], epochs=epochs)}
    settings = at.settings.model_copy(update={"methods": ("mixture",)})
    for client in consult(at.bench, at.data, models, settings.methods, BIAS):
        alike = [
            np.array_equal(one.log_probs, client.tests[one.test_set].generalist)
            for one in move_dials(client, settings)
        ]
        assert all(alike) == (client.position == 1)


def test_beside_the_calibrated_generalist_a_failed_specialist_is_the_calibrated_one(at):
    epochs = np.array([1, FAILED, *[1] * (len(at.data.client_ids) - 2)])
    own = {name: value.copy() for name, value in at.models["specialists"].parameters.items()}
    for name, value in own.items():
        value[1] = at.bench.generalist[name]
    failed = replace(at.models["specialists"], epochs=epochs, parameters=own)
    for client in consult(at.bench, at.data, at.models | {"specialists": failed}, ("average",), BIAS):
        test = client.tests["global"]
        assert np.array_equal(test.personal["specialists"], test.generalist) == (client.position == 1)
        halfway = np.allclose(test.interpolated(0.5), test.generalist, atol=1e-5)
        assert halfway == (client.position == 1)


def test_the_proportions_are_of_all_the_client_can_learn_from_and_of_nothing_else(at):
    data = replace(
        at.data,
        labels=np.array([0, 0, 1, 0, 2, 2, 2]),
        train=(np.array([0, 1, 2]),),
        validation=(np.array([3]),),
        local_test=(np.array([4, 5]),),
        global_test=np.array([6]),
    )
    expected = np.array([3.001, 1.001, 0.001]) / 4.003
    np.testing.assert_allclose(class_proportions(data, 0), expected)
    for client in at.asked:
        np.testing.assert_array_equal(
            client.tests["local"].prior, class_proportions(at.data, client.position)
        )


def test_another_clients_examples_change_nothing(at):
    labels, features = at.data.labels.copy(), at.bench.features.clone()
    others = np.concatenate([at.data.train[1], at.data.validation[1], at.data.local_test[1]])
    labels[others] = (labels[others] + 1) % 3
    features[others] += 1.0
    changed = replace(at.data, labels=labels), replace(at.bench, features=features)
    before, after = at.asked[0], next(iter(consult(changed[1], changed[0], at.models, at.settings.methods)))
    for one, other in zip(predict(before, at.settings), predict(after, at.settings), strict=True):
        np.testing.assert_array_equal(one.log_probs, other.log_probs)
