"""From an experiment's file to its points."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.experiments.grid import expand, select
from fedexperts.experiments.specification import Experiment, read_experiment

LISTS = st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True)


def experiment(**sweep):
    seeds, methods = sweep.pop("seeds", [0]), sweep.pop("methods", None)
    sweep = {"environments": ["test"], **sweep}
    return Experiment.model_validate({"title": "t", "seeds": seeds, "methods": methods, "sweeps": [sweep]})


HEAD = "title: t\nseeds: [0]\n"


def read(tmp_path, text):
    file = tmp_path / "some.yml"
    file.write_text(text, encoding="utf-8")
    return read_experiment(file)


@given(
    environments=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True),
    seeds=LISTS,
    grid=st.dictionaries(st.sampled_from(["g.x", "g.y", "g.z"]), LISTS, max_size=3),
    pairs=st.lists(st.tuples(st.integers(), st.integers()), min_size=1, max_size=4, unique=True),
)
def test_every_combination_is_a_point_and_none_is_one_twice(environments, seeds, grid, pairs):
    paired = [{"p.a": [first for first, _ in pairs], "p.b": [second for _, second in pairs]}]
    choices = expand(experiment(environments=environments, seeds=seeds, grid=grid, paired=paired))
    count = len(environments) * len(seeds) * len(pairs) * math.prod(map(len, grid.values()))
    found = {(choice.environment, *sorted(choice.axes.items())) for choice in choices}
    assert len(choices) == len(found) == count
    for choice in choices:
        assert (choice.axes["p.a"], choice.axes["p.b"]) in pairs
        assert all(choice.axes[name] in values for name, values in grid.items())
        assert choice.settings == dict(choice.axes)


def test_a_small_experiment_written_out():
    choices = expand(
        experiment(
            seeds=[3, 4],
            methods=["fedavg", "mixture"],
            settings={"federation.rounds": 7},
            grid={"partition.alpha": [0.1, 1]},
        )
    )
    assert [choice.label for choice in choices] == [
        "test alpha=0.1 seed=3",
        "test alpha=0.1 seed=4",
        "test alpha=1 seed=3",
        "test alpha=1 seed=4",
    ]
    assert choices[1].settings == {
        "federation.rounds": 7,
        "personalization.methods": ["fedavg", "mixture"],
        "partition.alpha": 0.1,
        "seed": 4,
    }


@pytest.mark.parametrize(
    ("given_range", "values"),
    [
        ("{from: 50, to: 150, count: 3}", [50, 100, 150]),
        ("{from: 1, to: 2, count: 3}", [1, 1.5, 2]),
        ("{from: 0.2, to: 1, count: 5}", [0.2, 0.4, 0.6, 0.8, 1.0]),
        ("{from: 1e-4, to: 1, count: 5, scale: log}", [0.0001, 0.001, 0.01, 0.1, 1.0]),
    ],
)
def test_a_range_has_both_its_ends_and_round_numbers_between(tmp_path, given_range, values):
    found = read(
        tmp_path,
        f"{HEAD}sweeps:\n  - environments: [test]\n    grid: {{partition.alpha: {given_range}}}",
    )
    assert [choice.axes["partition.alpha"] for choice in expand(found)] == values


def test_numbers_are_read_as_in_all_other_settings(tmp_path):
    found = read(tmp_path, "title: t\nseeds: [0]\nsweeps: [{environments: [test], grid: {a.b: [1e-5, x]}}]")
    assert [choice.axes["a.b"] for choice in expand(found)] == [0.00001, "x"]


def test_paired_lists_of_different_length_are_refused():
    with pytest.raises(UserError, match=r"sweep 1.*a\.x has 2, a\.y has 3"):
        expand(experiment(paired=[{"a.x": [1, 2], "a.y": [1, 2, 3]}]))


@pytest.mark.parametrize(
    "sweep",
    [
        {"grid": {"a.x": [1]}, "settings": {"a.x": 2}},
        {"grid": {"a.x": [1]}, "paired": [{"a.x": [2]}]},
        {"grid": {"seed": [1]}},
        {"methods": ["fedavg"], "settings": {"personalization.methods": ["local"]}},
    ],
)
def test_a_setting_that_is_given_twice_is_refused(sweep):
    with pytest.raises(UserError, match="twice"):
        expand(experiment(**sweep))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "title: t\nseeds: [0]\nsweeps: [{environments: [a], gird: {}}]",
            "gird: an experiment has no such key",
        ),
        ("title: t\nseeds: [0]", "sweeps: this is missing"),
        ("title: t\nseeds: []\nsweeps: [{environments: [a]}]", "seeds: [] cannot be used"),
        ("title: t\nseeds: [-1]\nsweeps: [{environments: [a]}]", "seeds.0: -1 cannot be used"),
        (
            HEAD + "sweeps: [{environments: [a], grid: {a.b: {from: 0, to: 1, count: 3, scale: log}}}]",
            "a logarithmic range needs ends above 0",
        ),
        (
            HEAD + "sweeps: [{environments: [a], grid: {a.b: {from: 1, to: 2}}}]",
            "sweeps.0.grid.a.b.count: this is",
        ),
        (HEAD + "sweeps: [{environments: [a], grid: {a.b: []}}]", "sweeps.0.grid.a.b: [] cannot be used"),
        (HEAD + "sweeps: [{environments: [a], settings: {a: {b: 1}}}]", "a group is written by dotted names"),
        (HEAD + "sweeps: [{environments: [a], paired: [{}]}]", "sweeps.0.paired.0: {} cannot be used"),
        (HEAD + "resamples: 1000000\nsweeps: [{environments: [a]}]", "resamples: 1000000 cannot be used"),
        ("title: [", "not a readable YAML file"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path, text, expected):
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert "some.yml" in str(error.value)
    assert expected in str(error.value)


def test_points_are_selected_by_short_or_full_names_and_by_numbers_in_any_form():
    choices = expand(
        experiment(
            environments=["a", "b"],
            seeds=[0, 1],
            grid={"partition.alpha": [0.1, 1.0], "model.expert": ["mlp"]},
        )
    )
    assert len(select(choices, {})) == 8
    kept = select(choices, {"alpha": ["1"], "environment": ["b"]})
    assert [choice.label for choice in kept] == ["b alpha=1 expert=mlp seed=0", "b alpha=1 expert=mlp seed=1"]
    assert select(choices, {"partition.alpha": ["1e-1"], "seed": ["0"], "expert": ["mlp"]})[
        0
    ].label.startswith("a alpha=0.1")
    with pytest.raises(UserError, match=r"--only alpah.*partition\.alpha"):
        select(choices, {"alpah": ["1"]})
    with pytest.raises(UserError, match="no point of the experiment has alpha=7"):
        select(choices, {"alpha": ["7"]})


def test_several_values_of_a_setting_are_alternatives():
    choices = expand(experiment(seeds=[0, 1, 2], grid={"evaluation.frontier": [True, False]}))
    assert [choice.axes["seed"] for choice in select(choices, {"seed": ["0", "2"]})] == [0, 2, 0, 2]
    (kept,) = select(choices, {"seed": ["1"], "frontier": ["true"]})
    assert kept.axes == {"evaluation.frontier": True, "seed": 1}


def test_a_short_name_of_two_settings_is_refused():
    rates = ["federation.learning_rate", "personalization.learning_rate"]
    choices = expand(experiment(grid={name: [0.1, 0.2] for name in rates}))
    assert len(select(choices, {rates[1]: ["0.2"]})) == 2
    with pytest.raises(UserError, match=" or ".join(rates)):
        select(choices, {"learning_rate": ["0.2"]})


def test_what_tells_sweeps_apart_is_an_axis_and_so_is_what_published_values_depend_on():
    def sweep(environment, **settings):
        return {"environments": [environment], "settings": settings, "grid": {"partition.alpha": [0.1, 1]}}

    sweeps = [
        sweep("a", **{"partition.scheme": "dirichlet", "partition.opt_out": 0.9, "partition.clients": 7}),
        sweep("a", **{"partition.scheme": "dirichlet_client", "partition.clients": 7}),
        sweep("b", **{"partition.scheme": "iid"}),
    ]
    choices = expand(Experiment.model_validate({"title": "t", "seeds": [0], "sweeps": sweeps}))
    assert choices[0].axes == {
        "partition.scheme": "dirichlet",
        "partition.opt_out": 0.9,
        "partition.alpha": 0.1,
        "seed": 0,
    }
    assert len({choice.label for choice in choices}) == len(choices)
    assert list(choices[2].axes) == ["partition.scheme", "partition.alpha", "seed"]
    assert list(choices[2].settings) == ["partition.scheme", "partition.clients", "partition.alpha", "seed"]


def test_a_file_in_another_encoding_is_told(tmp_path):
    file = tmp_path / "some.yml"
    file.write_bytes("title: Münster".encode("latin-1"))
    with pytest.raises(UserError, match="not a readable YAML file"):
        read_experiment(file)


def test_a_value_to_select_by_is_read_as_a_setting_is():
    choices = expand(experiment(grid={"federation.max_update": [None, 1000.0], "model.expert": ["1e3", "b"]}))

    def kept(name, text):
        return {tuple(choice.axes.values())[:2] for choice in select(choices, {name: [text]})}

    assert kept("max_update", "1e3") == {(1000.0, "1e3"), (1000.0, "b")}
    assert kept("max_update", "null") == kept("max_update", "None") == {(None, "1e3"), (None, "b")}
    assert kept("expert", "1e3") == {(None, "1e3"), (1000.0, "1e3")}
    for text in ("1000", "${seed}", "{", "a=b"):
        with pytest.raises(UserError, match="no point"):
            kept("expert", text)
