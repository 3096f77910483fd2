"""The engine trains every client as if it were alone, in a plain PyTorch loop."""

from __future__ import annotations

import gc
import runpy
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fedexperts.parameters import OptimizerSettings
from fedexperts.training.cohort import _Cohort, outputs, train
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule

HERE = Path(__file__).parent
small = SimpleNamespace(**runpy.run_path(str(HERE.parent / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(HERE / "plain_loop.py")))

LEARNING_RATES = {"adam": 0.01, "adamw": 0.01, "sgd": 0.1}
EXACT = {"rtol": 0.0, "atol": 1e-10}


def train_some(of, positions, settings, epochs=2):
    streams = of.streams()
    data = of.data.only(positions)
    chosen = [streams[position] for position in positions]
    return train(of.module, of.start[list(positions)], data, settings, chosen, epochs)


@pytest.mark.parametrize("optimizer", LEARNING_RATES)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "mixture"])
@pytest.mark.parametrize("batch_size", [5, 64])
def test_training_a_cohort_equals_a_plain_loop_for_each_client(optimizer, kind, batch_size):
    of = small.cohort(kind)
    settings = small.optimizer(optimizer, LEARNING_RATES[optimizer], batch_size)
    trained = train(of.module, of.start, of.data, settings, of.streams(), epochs=3)
    for client, (rows, stream) in enumerate(zip(of.data.clients, of.streams(), strict=True)):
        weights, loss = plain_loop.train(of.plain, of.start[client], of.data, rows, settings, stream, 3)
        assert (weights - of.start[client]).abs().max() > 1e-3
        torch.testing.assert_close(trained.rows[client], weights, **EXACT)
        assert float(trained.losses[client]) == pytest.approx(loss, abs=1e-10)
    assert trained.epochs.tolist() == [3] * 5


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "sgd", "momentum": 0.5, "weight_decay": 0.1},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "adam", "proximal": 0.7},
        {"optimizer": "sgd", "proximal": 0.7, "momentum": 0.9},
    ],
    ids=str,
)
def test_every_option_of_the_optimisers_equals_a_plain_loop(options):
    of = small.cohort()
    settings = OptimizerSettings(learning_rate=0.05, batch_size=5, **options)
    trained = train(of.module, of.start, of.data, settings, of.streams(), epochs=3)
    without = OptimizerSettings(learning_rate=0.05, batch_size=5, optimizer=options["optimizer"])
    other = train(of.module, of.start, of.data, without, of.streams(), epochs=3)
    for client, (rows, stream) in enumerate(zip(of.data.clients, of.streams(), strict=True)):
        weights, loss = plain_loop.train(of.plain, of.start[client], of.data, rows, settings, stream, 3)
        torch.testing.assert_close(trained.rows[client], weights, **EXACT)
        assert float(trained.losses[client]) == pytest.approx(loss, abs=1e-10)
        assert (weights - other.rows[client]).abs().max() > 1e-3


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    ],
    ids=str,
)
def test_parameters_with_a_learning_rate_of_their_own_equal_a_plain_loop(options):
    of = small.cohort("mixture")
    own = OptimizerSettings(learning_rate=0.01, batch_size=5, own_rates={"gate.": 0.1}, **options)
    trained = train(of.module, of.start, of.data, own, of.streams(), epochs=3)
    for client, (rows, stream) in enumerate(zip(of.data.clients, of.streams(), strict=True)):
        weights, _ = plain_loop.train(of.plain, of.start[client], of.data, rows, own, stream, 3)
        torch.testing.assert_close(trained.rows[client], weights, **EXACT)
    same = own.model_copy(update={"own_rates": {}})
    moved = [
        of.module.parameters(train(of.module, of.start, of.data, s, of.streams(), 1).rows - of.start)
        for s in (own, same)
    ]
    faster, usual = (max(change.abs().max() for name, change in m.items() if "gate." in name) for m in moved)
    assert faster > 3 * usual


def test_the_starting_weights_are_left_alone():
    of = small.cohort()
    before = of.start.clone()
    trained = train_some(of, range(5), small.optimizer())
    assert torch.equal(of.start, before)
    trained.rows.zero_()
    assert torch.equal(of.start, before)


def test_one_start_for_all_clients_is_not_shared_between_them():
    of = small.cohort()
    start = of.start[0].expand(5, -1)
    before = start.clone()
    trained = train(of.module, start, of.data, small.optimizer(), of.streams(), epochs=1)
    assert torch.equal(start, before)
    alone, _ = plain_loop.train(
        of.plain, of.start[0], of.data, of.data.clients[3], small.optimizer(), of.streams()[3], 1
    )
    torch.testing.assert_close(trained.rows[3], alone, **EXACT)


@pytest.mark.parametrize("positions", [[2], [4, 2], [1, 0, 3, 2], [2, 3, 1, 0, 4]])
def test_a_client_is_trained_alike_whoever_else_is_there_and_in_whichever_order(positions):
    of = small.cohort()
    everyone = train_some(of, range(5), small.optimizer())
    some = train_some(of, positions, small.optimizer())
    torch.testing.assert_close(some.rows, everyone.rows[positions], **EXACT)
    torch.testing.assert_close(some.losses, everyone.losses[positions], **EXACT)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "mixture"])
def test_a_client_whose_numbers_overflow_harms_nobody_else(kind):
    of = small.cohort(kind)
    features = of.data.inputs[0].clone()
    features[of.data.clients[2]] = float("nan")
    spoilt = CohortData((features, *of.data.inputs[1:]), of.data.labels, of.data.clients)
    trained = train(of.module, of.start, spoilt, small.optimizer(), of.streams(), epochs=2)
    sound = train_some(of, range(5), small.optimizer())
    others = [0, 1, 3, 4]
    assert trained.rows[2].isnan().any()
    assert torch.equal(trained.rows[others], sound.rows[others])


def test_the_same_streams_give_the_same_bits_and_others_do_not():
    of = small.cohort()
    first, second = (train_some(of, range(5), small.optimizer()).rows for _ in range(2))
    assert torch.equal(first, second)
    streams = [np.random.default_rng(client) for client in range(5)]
    other = train(of.module, of.start, of.data, small.optimizer(), streams, epochs=2)
    assert not torch.equal(other.rows[2], first[2])
    # a single example leaves nothing to shuffle
    assert torch.equal(other.rows[1], first[1])


def test_outputs_go_through_all_batches_in_order():
    of = small.cohort("mixture", sizes=(300, 5, 5), validation=(1, 1, 1))
    together = outputs(of.module, of.start[1], of.data.inputs)
    assert len(together) == 313
    model = plain_loop.load(of.plain, of.start[1])
    with torch.no_grad():
        torch.testing.assert_close(together, model(*of.data.inputs), **EXACT)
    assert not together.requires_grad


def test_a_cohort_is_gone_as_soon_as_nobody_needs_it():
    # so that the memory of a chunk that was too large is free for its halves
    of = small.cohort()
    gc.disable()
    try:
        opened = _Cohort(of.module, of.start.clone(), of.data, small.optimizer(), of.streams())
        opened.train_epoch()
        gone = weakref.ref(opened)
        del opened
        assert gone() is None
    finally:
        gc.enable()


def with_dropout():
    of = small.cohort("mlp")
    width = of.data.inputs[0].shape[1:].numel()
    layers = torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(width, 9), torch.nn.Dropout(0.5)
    of.plain = torch.nn.Sequential(*layers, torch.nn.Linear(9, 3)).double()
    of.module = StackedModule(of.plain)
    of.start = torch.randn(5, of.module.size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return of


@pytest.mark.parametrize("positions", [[2], [4, 2], [1, 0, 3, 2], [2, 3, 1, 0, 4]])
def test_what_dropout_drops_depends_on_the_client_alone(positions):
    of = with_dropout()
    everyone = train_some(of, range(5), small.optimizer())
    some = train_some(of, positions, small.optimizer())
    torch.testing.assert_close(some.rows, everyone.rows[positions], **EXACT)


def test_dropout_is_drawn_anew_in_every_step_and_not_when_measuring():
    of = with_dropout()
    settings = small.optimizer("sgd", 0.1, batch_size=64)
    first = train_some(of, range(5), settings, epochs=1).rows
    # a full batch and no shuffling that matters: only the masks tell the epochs apart
    second = train(of.module, of.start, of.data, settings, [np.random.default_rng(9)] * 5, 1).rows
    assert (first - second).abs().max() > 1e-3
    assert torch.equal(
        outputs(of.module, of.start[0], of.data.inputs), outputs(of.module, of.start[0], of.data.inputs)
    )
    bare = torch.nn.Sequential(of.plain[0], of.plain[2], of.plain[4])
    torch.testing.assert_close(
        outputs(of.module, of.start[0], of.data.inputs),
        outputs(StackedModule(bare), of.start[0], of.data.inputs),
        **EXACT,
    )
