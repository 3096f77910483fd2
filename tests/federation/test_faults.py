"""Clients that do not answer, and clients whose training fails, harm nobody else."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fedexperts.errors import UserError
from fedexperts.federation.rounds import Federation, draw_cohort, find_sound, train_round
from fedexperts.federation.sampling import answers, sample_cohort
from fedexperts.federation.server import train_generalist, validate
from fedexperts.models.architecture import initial_parameters
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))


def federation(changes=None, spoil=()):
    """A federation of five; the numbers of the clients in ``spoil`` are not numbers."""
    of = small.world({"federation.clients_per_round": 4, **(changes or {})})
    clients = small.opt_in_clients(of)
    features = torch.as_tensor(clients.features).clone()
    for position in spoil:
        features[clients.train[position]] = float("nan")
    module = StackedModule(small.architecture().expert())
    first = initial_parameters(small.architecture().expert, 0, "federation/initial")
    data = CohortData((features,), torch.as_tensor(clients.labels), clients.train)
    found = Federation(module, clients.client_ids, data, data, of.settings.federation, small.ENGINE, 3)
    return found, module.row(first)


def one_round(of, weights, number=1):
    return train_round(of, of.workers(), weights, number)


def test_a_client_whose_training_fails_is_left_out_and_named(caplog):
    cohort = sample_cohort(5, 4, 3, 1)
    of, weights = federation(spoil=[cohort[1]])
    found, entry = one_round(of, weights)
    assert (entry["clients"], entry["failed"]) == (3, str(of.client_ids[cohort[1]]))
    assert "training failed for 1 of 4 clients" in caplog.text
    assert found.isfinite().all()
    sound, _ = federation()
    alone = dataclasses.replace(
        sound, training=sound.training.only([cohort[0], cohort[2], cohort[3]]),
        client_ids=tuple(sound.client_ids[cohort[place]] for place in (0, 2, 3)),
        settings=of.settings.model_copy(update={"clients_per_round": 3}),
    )  # fmt: skip
    # the average is that of a cohort which never had the client
    torch.testing.assert_close(found, one_round(alone, weights)[0])


@pytest.mark.parametrize(("failing", "allowed", "ends"), [(2, 0.5, False), (3, 0.5, True), (4, 1.0, True)])
def test_the_run_ends_when_too_much_of_a_cohort_fails(failing, allowed, ends):
    cohort = sample_cohort(5, 4, 3, 1)
    of, weights = federation({"federation.max_failed": allowed}, spoil=cohort[:failing])
    if ends:
        with pytest.raises(UserError, match=rf"round 1: .*{failing} of 4 .*`federation\.max_failed`"):
            one_round(of, weights)
    else:
        assert one_round(of, weights)[1]["clients"] == 4 - failing


def test_updates_that_are_not_finite_or_too_long_are_found():
    weights = torch.tensor([1.0, 1.0])
    rows = torch.tensor([[1.0, 1.0], [4.0, 5.0], [float("inf"), 0.0], [float("nan"), 1.0], [1.0, 2.0]])
    losses = torch.tensor([0.1, 0.1, 0.1, 0.1, float("nan")])
    assert find_sound(rows, losses, weights, None).tolist() == [True, True, False, False, False]
    assert find_sound(rows, losses, weights, 5.0).tolist() == [True, True, False, False, False]
    assert find_sound(rows, losses, weights, 4.9).tolist() == [True, False, False, False, False]


def test_the_average_is_of_those_who_came_weighted_by_their_examples():
    of, weights = federation({"federation.client_dropout": [0, 2]})
    cohort, absent = draw_cohort(of, 1)
    drawn = sample_cohort(5, 4, 3, 1)
    assert cohort == [position for position in drawn if position not in {0, 2}]
    assert absent == 4 - len(cohort) > 0
    found, entry = one_round(of, weights)
    assert (entry["clients"], entry["absent"]) == (len(cohort), absent)
    everybody, _ = federation({"federation.clients_per_round": 1})
    total = sum(len(of.training.clients[position]) for position in cohort)
    by_hand = torch.zeros_like(weights)
    for position in cohort:
        alone = dataclasses.replace(
            everybody,
            training=everybody.training.only([position]),
            client_ids=(everybody.client_ids[position],),
        )
        by_hand += len(of.training.clients[position]) / total * one_round(alone, weights)[0]
    torch.testing.assert_close(found, by_hand)


def test_a_round_with_too_few_answers_is_repeated_with_another_cohort(caplog):
    of, _ = federation({"federation.client_dropout": 0.5, "federation.min_clients": 3})
    drawn = [draw_cohort(of, number) for number in range(1, 30)]
    assert all(len(cohort) >= 3 for cohort, _ in drawn)
    assert "drawing another cohort" in caplog.text
    assert sample_cohort(5, 4, 3, 1, 1) != sample_cohort(5, 4, 3, 1, 2) or sample_cohort(
        5, 4, 3, 1, 2
    ) != sample_cohort(5, 4, 3, 1, 3)
    hopeless, _ = federation({"federation.client_dropout": [0, 1, 2], "federation.min_clients": 3})
    with pytest.raises(UserError, match=r"fewer than 3 clients that answer.*`federation\.min_clients`"):
        draw_cohort(hopeless, 1)


def test_who_answers_is_drawn_for_each_client_and_round_at_the_rate_that_was_set():
    drawn = np.array([[answers(client, 0.3, 7, number) for client in range(40)] for number in range(50)])
    deviation = np.sqrt(0.3 * 0.7 / drawn.size)
    assert abs((~drawn).mean() - 0.3) < 4 * deviation
    assert len({row.tobytes() for row in drawn}) == 50
    assert all(answers(client, 0.0, 7, 1) for client in range(20))
    assert not any(answers(client, 1.0, 7, 1) for client in range(20))


def test_without_drop_outs_nothing_is_drawn_differently():
    of = small.world()
    clients, chosen = small.opt_in_clients(of), of.settings
    unreliable = chosen.federation.model_copy(update={"client_dropout": (99,)})
    models = [
        train_generalist(clients, chosen.model, settings, 0, small.ENGINE, small.checkpoints())[0].parameters
        for settings in (chosen.federation, unreliable)
    ]
    assert all(models[0][name].tobytes() == models[1][name].tobytes() for name in models[0])


def train_with(features, clients, of, rounds=3):
    return train_generalist(
        dataclasses.replace(clients, features=features),
        of.settings.model,
        of.settings.federation.model_copy(update={"rounds": rounds}),
        0,
        small.ENGINE,
        small.checkpoints(),
    )


def test_a_client_that_cannot_be_validated_has_no_say_in_any_round(caplog):
    of = small.world()
    clients = small.opt_in_clients(of)
    features = clients.features.copy()
    features[clients.validation[1][0]] = np.nan
    found, history = train_with(features, clients, of)
    assert f"The clients [{clients.client_ids[1]}] have no say" in caplog.text
    without = dataclasses.replace(
        clients, validation=(*clients.validation[:1], clients.validation[1][:0], *clients.validation[2:])
    )
    alone, same = train_with(clients.features, without, of)
    assert history["validation_loss"].tolist() == same["validation_loss"].tolist()
    assert all(
        found.parameters[name].tobytes() == alone.parameters[name].tobytes() for name in alone.parameters
    )


def test_a_mean_over_fewer_clients_than_in_other_rounds_is_not_a_number():
    of, weights = federation(spoil=[0])
    assert np.isnan(list(validate(of, weights).values())).all()
    without = dataclasses.replace(of, validation=of.validation.only([1, 2, 3, 4]))
    assert np.isfinite(list(validate(without, weights).values())).all()


def test_a_federation_that_nobody_can_validate_is_refused_before_any_training():
    of = small.world()
    clients = small.opt_in_clients(of)
    features = clients.features.copy()
    features[np.concatenate(clients.validation)] = np.nan
    with pytest.raises(UserError, match=r"no client .* validation examples .* finite loss"):
        train_with(features, clients, of)
