"""Which stages points share, and which runs are missing."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.experiments.grid import Choice
from fedexperts.experiments.plan import Point, alone, plan
from fedexperts.experiments.stages import Stage, canonical, stage_keys

FIXTURES = runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py"))
plain_parameters = FIXTURES["plain_parameters"]

STAGES = (
    Stage("deal", ("a", "seed"), {}, ("cards",)),
    Stage("teach", ("b",), {"cards": "deal"}, ("teacher",)),
    Stage("learn", ("c",), {"cards": "deal", "teacher": "teach"}, ("pupils",)),
    Stage("draw", ("d",), {"teacher": "teach"}, ("picture",)),
    Stage("test", ("e",), {"pupils": "learn", "picture": "draw"}, ("marks",)),
)


def point(environment="x", **settings):
    settings = {"a": 0, "b": 0, "c": 0, "d": 0, "e": 0, "seed": 0, **settings}
    return Point(Choice(environment, settings, settings), stage_keys(STAGES, environment, settings))


def names(jobs):
    return [tuple(stage.name for stage in job.stages) for job in jobs]


def test_a_point_alone_is_one_run():
    assert names(plan([point()], STAGES, [])) == [("deal", "teach", "learn", "draw", "test")]


def test_points_share_the_stages_that_do_not_depend_on_what_differs():
    points = [point(c=1), point(c=2), point(c=3)]
    jobs = plan(points, STAGES, [])
    assert names(jobs) == [("deal", "teach", "draw"), *[("learn", "test")] * 3]
    assert [len(job.points) for job in jobs] == [3, 1, 1, 1]


def test_seeds_and_environments_share_nothing():
    jobs = plan([point(), point(seed=1), point("y")], STAGES, [])
    assert [len(job.stages) for job in jobs] == [5, 5, 5]
    assert len({job.name for job in jobs}) == 3


def test_a_value_added_later_needs_only_what_is_new():
    made = {key for old in (point(c=1), point(c=2)) for key in old.keys.values()}
    points = [point(c=1), point(c=2), point(c=3)]
    (job,) = plan(points, STAGES, made)
    assert names([job]) == [("learn", "test")]
    assert job.points[0].choice.settings["c"] == 3
    assert job.loads == {
        "cards": points[2].keys["deal"],
        "teacher": points[2].keys["teach"],
        "picture": points[2].keys["draw"],
    }
    assert plan(points[:2], STAGES, made) == []


def test_a_finished_point_needs_nothing_even_if_its_models_were_deleted():
    finished = point(c=1)
    assert plan([finished], STAGES, {finished.key}) == []


def test_a_point_can_be_finished_without_waiting_for_others():
    first = point(c=1)
    assert names([alone(first, STAGES, [])]) == [("deal", "teach", "learn", "draw", "test")]
    made = {first.keys["deal"], first.keys["teach"]}
    assert names([alone(first, STAGES, made)]) == [("learn", "draw", "test")]


@given(st.lists(st.tuples(*[st.integers(0, 1)] * 6), min_size=1, max_size=8, unique=True), st.data())
def test_every_stage_is_run_once_and_after_what_it_reads(values, data):
    points = [point(**dict(zip("abcde", given, strict=False)), seed=given[5]) for given in values]
    everything = sorted({key for each in points for key in each.keys.values()})
    # What is there already is whole runs of earlier stages.
    whole = data.draw(st.sets(st.sampled_from(points)))
    made = {key for each in whole for key in itertools.islice(each.keys.values(), 2)}
    jobs = plan(points, STAGES, made)
    run = [key for job in jobs for key in job.makes]
    assert sorted([*run, *made]) == everything
    there = set(made)
    for job in jobs:
        assert set(job.loads.values()) <= there
        there |= set(job.makes)


def test_a_key_depends_on_the_settings_of_its_stage_and_of_those_before_and_on_no_other():
    base, other = point(), point(b=1)
    assert base.keys["deal"] == other.keys["deal"]
    assert all(base.keys[name] != other.keys[name] for name in ("teach", "learn", "draw", "test"))


def test_settings_that_a_stage_does_not_read_are_no_part_of_its_key():
    shared = {"group": {"rate": 1, "tolerance": 2}}
    stages = (
        Stage("train", ("group",), {}, ("models",), unread={"group": {"tolerance"}, "other": {"x"}}),
        Stage("test", ("group",), {"models": "train"}, ("marks",)),
    )
    usual = stage_keys(stages, "x", shared)
    tolerant = stage_keys(stages, "x", {"group": {"rate": 1, "tolerance": 3}})
    assert tolerant["train"] == usual["train"]
    assert tolerant["test"] != usual["test"]
    assert stage_keys(stages, "x", {"group": {"rate": 9, "tolerance": 2}})["train"] != usual["train"]


def test_a_setting_that_came_later_names_older_results_as_they_were():
    older = plain_parameters()
    del older["personalization"]["gate_learning_rate"]
    assert canonical(older) == canonical(plain_parameters())
    assert canonical(plain_parameters({"personalization.gate_learning_rate": 0.1})) != canonical(older)


def test_settings_are_named_alike_however_they_are_written():
    plain = plain_parameters()
    assert canonical(plain) == canonical(plain_parameters({"partition.alpha": plain["partition"]["alpha"]}))
    assert canonical(plain_parameters({"partition.alpha": 1})) == canonical(
        plain_parameters({"partition.alpha": 1.0})
    )
    assert canonical(canonical(plain) | {"engine": plain["engine"]}) == canonical(plain)


@pytest.mark.parametrize(
    ("name", "same"),
    [("engine.workers", True), ("engine.checkpoint_every", True), ("engine.chunk_size", False)],
)
def test_what_changes_no_result_is_no_part_of_the_name(name, same):
    assert (canonical(plain_parameters({name: 3})) == canonical(plain_parameters())) is same
