"""Leaving out the words that a client does not use changes nothing but the cost."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fedexperts.models.inputs import InputSpec
from fedexperts.models.mixture import Mixture
from fedexperts.models.text import bag_of_embeddings, bilstm
from fedexperts.parameters import OptimizerSettings
from fedexperts.training.cohort import train, train_until_stopped
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule
from fedexperts.training.vocabularies import cut_down

plain_loop = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "plain_loop.py")))

EXACT = {"rtol": 0.0, "atol": 1e-10}
WORDS, LONGEST, CLASSES = 60, 6, 3
SIZES, VALIDATION = (11, 1, 7), (4, 3, 5)
INPUTS = InputSpec((LONGEST,), WORDS)
ADAM = OptimizerSettings(optimizer="adam", learning_rate=0.02, batch_size=4)


def texts(count, rng):
    """Texts of all lengths, without any words too; the last words occur nowhere."""
    rows = rng.integers(1, WORDS - 10, size=(count, LONGEST))
    return np.where(np.arange(LONGEST) < rng.integers(0, LONGEST + 1, size=(count, 1)), rows, 0)


@pytest.fixture(params=["bilstm", "bag_of_embeddings", "mixture"])
def cohort(request):
    rng = np.random.default_rng(5)
    total = sum(SIZES) + sum(VALIDATION)
    rows = np.split(rng.permutation(total), np.cumsum(SIZES + VALIDATION)[:-1])
    inputs = [torch.as_tensor(texts(total, rng))]
    if request.param == "mixture":
        plain = Mixture(bilstm(INPUTS, CLASSES), bag_of_embeddings(INPUTS, 1)).double()
        inputs.append(torch.randn(total, CLASSES, dtype=torch.float64).log_softmax(dim=1))
    else:
        plain = {"bilstm": bilstm, "bag_of_embeddings": bag_of_embeddings}[request.param](
            INPUTS, CLASSES
        ).double()
    labels = torch.as_tensor(rng.integers(CLASSES, size=total))
    module = StackedModule(plain)
    start = 0.3 * torch.randn(3, module.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return SimpleNamespace(
        plain=plain,
        module=module,
        start=start,
        data=CohortData(tuple(inputs), labels, rows[:3]),
        validation=CohortData(tuple(inputs), labels, rows[3:]),
    )


def streams():
    return [np.random.default_rng(client) for client in range(3)]


@pytest.mark.parametrize(
    "settings",
    [
        ADAM,
        OptimizerSettings(optimizer="sgd", learning_rate=0.1, batch_size=4, momentum=0.9),
        OptimizerSettings(optimizer="adamw", learning_rate=0.02, batch_size=4, proximal=0.5),
        OptimizerSettings(optimizer="adamw", learning_rate=0.02, batch_size=4, weight_decay=0.1),
    ],
    ids=lambda settings: settings.optimizer + "-decay" * (settings.weight_decay > 0),
)
def test_training_equals_a_plain_loop_over_the_whole_table(cohort, settings):
    trained = train(cohort.module, cohort.start, cohort.data, settings, streams(), epochs=3)
    for client, (rows, stream) in enumerate(zip(cohort.data.clients, streams(), strict=True)):
        weights, loss = plain_loop.train(
            cohort.plain, cohort.start[client], cohort.data, rows, settings, stream, 3
        )
        torch.testing.assert_close(trained.rows[client], weights, **EXACT)
        assert float(trained.losses[client]) == pytest.approx(loss, abs=1e-10)


def test_early_stopping_sees_words_that_only_validation_has(cohort):
    trained = train_until_stopped(
        cohort.module, cohort.start, cohort.data, cohort.validation, ADAM, streams(), 8, 2
    )
    for client, stream in enumerate(streams()):
        weights, losses = plain_loop.train_until_stopped(
            cohort.plain,
            cohort.start[client],
            cohort.data,
            cohort.data.clients[client],
            cohort.validation.clients[client],
            ADAM,
            stream,
            max_epochs=8,
            patience=2,
        )
        torch.testing.assert_close(trained.rows[client], weights, **EXACT)
        assert int(trained.epochs[client]) == losses.index(min(losses))


def test_only_the_words_in_use_are_trained_and_the_others_come_back_as_they_were(cohort):
    cut = cut_down(cohort.module, cohort.start, [cohort.data, cohort.validation], ADAM)
    used = [
        {0, *cohort.data.inputs[0][np.concatenate([own, held_out])].flatten().tolist()}
        for own, held_out in zip(cohort.data.clients, cohort.validation.clients, strict=True)
    ]
    assert cut.words.shape == (3, max(map(len, used)))
    assert [set(row.tolist()) for row in cut.words] == used
    assert cut.module.size < cohort.module.size
    before = cohort.start.clone()
    moved = cut.put_back(cut.rows + 1)
    assert torch.equal(cohort.start, before)
    for name, value in cohort.module.parameters(moved).items():
        start = cohort.module.parameters(before)[name]
        for client in range(3):
            is_table = name in cohort.module.word_embeddings
            rows = sorted(used[client]) if is_table else slice(None)
            assert torch.equal(value[client][rows], start[client][rows] + 1)
            if is_table:
                rest = sorted(set(range(WORDS)) - used[client])
                assert rest
                assert torch.equal(value[client][rest], start[client][rest])


def test_a_model_without_words_and_weight_decay_keep_everything(cohort):
    numbers = StackedModule(torch.nn.Linear(4, 2))
    rows, data = (
        torch.zeros(1, numbers.size),
        CohortData((torch.zeros(3, 4),), torch.zeros(3), [np.arange(3)]),
    )
    assert cut_down(numbers, rows, [data], ADAM).words is None
    decaying = ADAM.model_copy(update={"weight_decay": 0.1})
    assert cut_down(cohort.module, cohort.start, [cohort.data], decaying).module is cohort.module
