"""Every client stops by its own validation loss, and the weights that were best are what it keeps."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fedexperts.training.cohort import measure, train, train_until_stopped
from fedexperts.training.data import CohortData
from fedexperts.training.stopping import EarlyStopping

HERE = Path(__file__).parent
small = SimpleNamespace(**runpy.run_path(str(HERE.parent / "fixtures_small.py")))
plain_loop = SimpleNamespace(**runpy.run_path(str(HERE / "plain_loop.py")))

EXACT = {"rtol": 0.0, "atol": 1e-10}
LEARNING_RATES = {"adam": 0.002, "adamw": 0.002, "sgd": 0.1}


def run(of, settings, max_epochs=25, patience=3, **more):
    return train_until_stopped(
        of.module, of.start, of.data, of.validation, settings, of.streams(), max_epochs, patience, **more
    )


@pytest.mark.parametrize("optimizer", LEARNING_RATES)
@pytest.mark.parametrize("kind", ["mlp", "mixture", "cnn"])
def test_stopping_in_a_cohort_equals_a_plain_loop_for_each_client(optimizer, kind):
    of = small.cohort(kind, noise=0.8)
    settings = small.optimizer(optimizer, LEARNING_RATES[optimizer])
    lives = []
    trained = run(of, settings, on_epoch=lives.append)
    stopped_after = []
    for client, stream in enumerate(of.streams()):
        weights, losses = plain_loop.train_until_stopped(
            of.plain,
            of.start[client],
            of.data,
            of.data.clients[client],
            of.validation.clients[client],
            settings,
            stream,
            max_epochs=25,
            patience=3,
        )
        torch.testing.assert_close(trained.rows[client], weights, **EXACT)
        assert int(trained.epochs[client]) == losses.index(min(losses))
        stopped_after.append(len(losses) - 1)
    # clients left the stack at different times, so those that stayed were moved within it
    assert len(set(stopped_after)) > 2
    assert len(lives) == max(stopped_after)
    for epoch, live in enumerate(lives[:-1], start=1):
        assert set(live) == {client for client, last in enumerate(stopped_after) if last > epoch}


def test_what_is_kept_is_the_best_epoch_bit_for_bit_and_not_the_last():
    of = small.cohort(sizes=(12,), validation=(30,), noise=1.0)
    settings = small.optimizer(learning_rate=0.005)
    trained = run(of, settings, max_epochs=60, patience=10)
    best = int(trained.epochs[0])
    assert 0 < best < 50
    at_best = train(of.module, of.start, of.data, settings, of.streams(), best).rows
    at_end = train(of.module, of.start, of.data, settings, of.streams(), best + 10).rows
    assert torch.equal(trained.rows, at_best)
    assert not torch.equal(trained.rows, at_end)
    assert float(measure(of.module, at_end, of.validation)[0]) > float(
        measure(of.module, trained.rows, of.validation)[0]
    )


def test_a_client_that_only_gets_worse_keeps_its_start():
    of = small.cohort()
    far = small.optimizer("sgd", learning_rate=1e3)
    trained = run(of, far)
    assert 0 in trained.epochs
    at_start = trained.epochs == 0
    assert torch.equal(trained.rows[at_start], of.start[at_start])
    before, _ = measure(of.module, of.start, of.validation)
    after, _ = measure(of.module, trained.rows, of.validation)
    assert (after <= before).all()


def test_a_client_that_diverges_keeps_finite_weights():
    of = small.cohort()
    beyond_all_bounds = small.optimizer("sgd").model_copy(update={"learning_rate": 1e200})
    trained = run(of, beyond_all_bounds)
    assert trained.rows.isfinite().all()


def test_training_ends_after_the_most_epochs_if_nobody_stops():
    of = small.cohort()
    epochs = []
    # on their own training examples, in small steps, all get better all the time
    trained = train_until_stopped(
        of.module,
        of.start,
        of.data,
        of.data,
        small.optimizer("sgd", 1e-3, batch_size=64),
        of.streams(),
        max_epochs=4,
        patience=1,
        on_epoch=epochs.append,
    )
    assert [set(going_on) for going_on in epochs] == [{0, 1, 2, 3, 4}] * 4
    assert trained.epochs.tolist() == [4] * 5


def test_the_start_is_left_alone_and_nothing_of_the_result_is_shared_with_it():
    of = small.cohort()
    before = of.start.clone()
    run(of, small.optimizer()).rows.zero_()
    assert torch.equal(of.start, before)


@pytest.mark.parametrize("positions", [[3], [4, 0], [2, 4, 1, 3, 0]])
def test_who_else_is_there_changes_neither_weights_nor_epochs(positions):
    of = small.cohort()
    everyone = run(of, small.optimizer(learning_rate=0.02))
    streams = of.streams()
    some = train_until_stopped(
        of.module,
        of.start[positions],
        of.data.only(positions),
        of.validation.only(positions),
        small.optimizer(learning_rate=0.02),
        [streams[position] for position in positions],
        25,
        3,
    )
    torch.testing.assert_close(some.rows, everyone.rows[positions], **EXACT)
    torch.testing.assert_close(some.losses, everyone.losses[positions], **EXACT)
    assert some.epochs.tolist() == everyone.epochs[positions].tolist()


def test_the_best_weights_are_copies():
    rows = torch.tensor([[1.0], [2.0]])
    stopping = EarlyStopping(rows, torch.tensor([5.0, 5.0]), patience=2)
    rows.fill_(-1.0)
    assert stopping.rows.tolist() == [[1.0], [2.0]]
    better = torch.tensor([[3.0], [4.0]])
    assert stopping.update([0, 1], 1, better, torch.tensor([4.0, 6.0])) == [0, 1]
    better.fill_(-1.0)
    assert stopping.rows.tolist() == [[3.0], [2.0]]


def test_patience_by_hand():
    stopping = EarlyStopping(torch.zeros(3, 1), torch.tensor([1.0, 1.0, 1.0]), patience=2)

    def update(live, epoch, losses):
        rows = torch.full((len(live), 1), float(epoch))
        return stopping.update(live, epoch, rows, torch.tensor(losses))

    # an equal loss is no lower one; neither is one that is no number
    assert update([0, 1, 2], 1, [0.5, 1.0, float("nan")]) == [0, 1, 2]
    # clients 1 and 2 have waited for two epochs
    assert update([0, 1, 2], 2, [0.6, 1.1, float("nan")]) == [0]
    assert update([0], 3, [0.4]) == [0]
    assert update([0], 4, [0.4]) == [0]
    assert update([0], 5, [0.5]) == []
    assert stopping.epochs.tolist() == [3, 0, 0]
    assert stopping.rows.flatten().tolist() == [3.0, 0.0, 0.0]
    assert stopping.losses.tolist() == pytest.approx([0.4, 1.0, 1.0])


def test_any_loss_is_better_than_none_and_who_never_has_one_in_training_has_failed():
    none, far = float("nan"), float("inf")
    stopping = EarlyStopping(torch.zeros(4, 1), torch.tensor([none, far, none, 1.0]), patience=2)
    assert stopping.update([0, 1, 2, 3], 1, torch.ones(4, 1), torch.tensor([none, 5.0, far, none])) == [
        0,
        1,
        2,
        3,
    ]
    assert stopping.update([0, 1, 2, 3], 2, torch.ones(4, 1), torch.tensor([5.0, 6.0, none, far])) == [0, 1]
    assert stopping.epochs.tolist() == [2, 1, 0, 0]
    assert stopping.failed.tolist() == [False, False, True, True]


def test_validation_examples_are_never_trained_on():
    of = small.cohort()
    features = of.data.inputs[0].clone()
    features[np.concatenate(of.validation.clients)] += 0.5
    moved = CohortData((features,), of.data.labels, of.data.clients)
    held_out = CohortData((features,), of.data.labels, of.validation.clients)
    first, second = (
        train_until_stopped(of.module, of.start, data, check, small.optimizer(), of.streams(), 3, patience=5)
        for data, check in ((of.data, of.validation), (moved, held_out))
    )
    assert torch.equal(first.losses, second.losses)
    assert not torch.equal(
        measure(of.module, of.start, of.validation)[0], measure(of.module, of.start, held_out)[0]
    )
