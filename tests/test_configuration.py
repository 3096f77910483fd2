"""All settings are checked before any work starts, and every problem is told with its place and remedy."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader

from fedexperts.configuration import Origins, check_parameters
from fedexperts.errors import UserError
from fedexperts.parameters import Parameters
from fedexperts.settings import CONFIG_LOADER_ARGS

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("fixtures_small.py"))))

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
FILES = {
    "seed": "conf/base/parameters.yml",
    "data": "conf/base/data_ingestion/parameters.yml",
    "partition": "conf/base/client_partitioning/parameters.yml",
    "model": "conf/base/federated_training/parameters.yml",
    "federation": "conf/base/federated_training/parameters.yml",
    "personalization": "conf/base/specialist_training/parameters.yml",
    "evaluation": "conf/base/evaluation/parameters.yml",
}


def check(changes=None, origins=None):
    origins = Origins(ROOT, [CONF / "base"], {}) if origins is None else origins
    return check_parameters(small.plain_parameters(changes), origins)


def problems(changes=None, origins=None):
    """The lines of the message, the heading left out."""
    with pytest.raises(UserError) as caught:
        check(changes, origins)
    heading, *lines = str(caught.value).split("\n")
    count = f"{len(lines)} setting{'s' if len(lines) > 1 else ''}"
    assert heading == f"{count} cannot be used; nothing was run"
    return [line.strip() for line in lines]


def test_the_projects_own_settings_are_fine():
    checked = check()
    assert isinstance(checked, Parameters)
    assert checked.federation.rounds == small.plain_parameters()["federation"]["rounds"]


@pytest.mark.parametrize("env", sorted(path.name for path in CONF.iterdir() if path.is_dir()))
def test_every_environment_is_fine(env):
    loader = OmegaConfigLoader(str(CONF), env=env, **CONFIG_LOADER_ARGS)
    assert isinstance(check_parameters(loader["parameters"], Origins(ROOT, [], {})), Parameters)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("federation.roundz", "did you mean 'rounds'?"),
        ("data.vocabulary.sise", "did you mean 'size'?"),
        ("partition.scheme_name", "did you mean 'scheme'?"),
        ("model.zzz", "known here: expert, gate, specialist"),
    ],
)
def test_an_unknown_key_is_told_with_its_file_and_the_nearest_name(tmp_path, key, near):
    group, name = key.split(".")[0], key.rsplit(".", 1)[1]
    (line,) = problems({key: 1})
    assert line == f"{FILES[group]}: {key}: there is no such setting; {near}"
    # where it stands is known as well if it stands in a file
    folder = tmp_path / "conf" / "mine"
    folder.mkdir(parents=True)
    text = f"{name}: 1"
    for part in reversed(key.split(".")[:-1]):
        text = f"{part}: {{{text}}}"
    (folder / "parameters_mine.yml").write_text(text)
    (line,) = problems({key: 1}, Origins(tmp_path, [CONF / "base", folder], {}))
    assert line.startswith("conf/mine/parameters_mine.yml: ")


def test_an_unknown_key_at_the_top_is_told_too():
    # Kedro itself ignores it
    assert problems({"federatoin": {"rounds": 3}}) == [
        "no file: federatoin: there is no such setting; did you mean 'federation'?"
    ]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("seed", -1, "-1 cannot be used; input should be greater than or equal to 0"),
        ("federation.rounds", 0, "0 cannot be used; input should be greater than or equal to 1"),
        ("federation.rounds", 2.0, "2.0 cannot be used; input should be a valid integer"),
        ("federation.rounds", "3", "'3' cannot be used; input should be a valid integer"),
        ("federation.rounds", True, "True cannot be used; input should be a valid integer"),
        ("federation.learning_rate", 0.0, "0.0 cannot be used; input should be greater than 0"),
        ("federation.learning_rate", float("nan"), "nan cannot be used; input should be a finite number"),
        ("federation.optimizer", "adamm", "'adamm' cannot be used; input should be 'adam', 'adamw' or 'sgd'"),
        ("partition.opt_out", 1.5, "1.5 cannot be used; input should be less than or equal to 1"),
        (
            "partition.validation_size",
            1.5,
            "1.5 cannot be used; input should be a valid integer, or input should be less than 1",
        ),
        ("partition.opt_out_clients", [2, -1], "-1 cannot be used; input should be greater than"),
        ("personalization.methods", [], "[] cannot be used; tuple should have at least 1 item"),
        ("evaluation.confidence", 1.0, "1.0 cannot be used; input should be less than 1"),
        ("data.vocabulary.size", 0, "0 cannot be used; input should be greater than or equal to 1"),
        ("federation", 3, "3 cannot be used; input should be a valid dictionary"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_once_with_file_and_reason(key, value, reason):
    (line,) = problems({key: value})
    assert line.startswith(f"{FILES[key.split('.', maxsplit=1)[0]]}: {key}: {reason}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("federation.learning_rate", 1),
        ("partition.validation_size", 20),
        ("partition.validation_size", 0.2),
        ("partition.opt_out_clients", [0, 3]),
        ("model.expert", "torch.nn:Linear"),
        ("model.specialist", "mlp"),
        ("partition.scheme", "fedexperts.partitioning.iid:allocate"),
        ("federation.aggregation", "fedexperts.federation.aggregation:weighted_average"),
    ],
)
def test_values_that_can_be_used_pass(key, value):
    checked = check({key: value})
    for part in key.split("."):
        checked = getattr(checked, part)
    assert checked == (tuple(value) if isinstance(value, list) else value)


def test_a_missing_setting_is_told_with_the_file_of_its_group():
    parameters = small.plain_parameters()
    del parameters["federation"]["rounds"], parameters["seed"]
    with pytest.raises(UserError) as caught:
        check_parameters(parameters, Origins(ROOT, [], {"federation": {"local_epochs": 1}}))
    lines = str(caught.value).split("\n")[1:]
    assert sorted(line.strip() for line in lines) == [
        "--params: federation.rounds: this setting is missing",
        "no file: seed: this setting is missing",
    ]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("model.expert", "lenett", "there is no model 'lenett'. Did you mean 'lenet'?"),
        ("model.gate", "small_cn", "there is no model 'small_cn'. Did you mean 'small_cnn'?"),
        ("model.specialist", "mpl", "there is no model 'mpl'. Did you mean 'mlp'?"),
        (
            "partition.scheme",
            "dirichlett",
            "there is no partition scheme 'dirichlett'. Did you mean 'dirichlet'?",
        ),
        ("federation.aggregation", "fedprox", "there is no aggregation rule 'fedprox'."),
        (
            "personalization.methods",
            ["local", "finetune"],
            "there is no method 'finetune'. Did you mean 'finetuned'?",
        ),
        (
            "data.preprocessing",
            "standardise",
            "there is no preprocessing 'standardise'. Did you mean 'standardize'?",
        ),
        # methods and preprocessing are of this project, and cannot be given by an import path
        ("personalization.methods", ["my.methods:one"], "there is no method 'my.methods:one'."),
    ],
)
def test_a_name_that_leads_nowhere_is_told_with_the_nearest_one(key, value, reason):
    (line,) = problems({key: value})
    assert line.startswith(f"{FILES[key.split('.', maxsplit=1)[0]]}: {key}: {reason}")
    assert "Known: " in line


def test_every_unknown_method_is_told():
    lines = problems({"personalization.methods": ["locl", "mixture", "orakle"]})
    assert ["'locl'" in lines[0], "'orakle'" in lines[1]] == [True, True]


@pytest.mark.parametrize(
    ("clients", "unseen", "cohort", "fine"),
    [(5, 0, 5, True), (5, 0, 6, False), (5, 2, 3, True), (5, 2, 4, False)],
)
def test_a_cohort_is_no_larger_than_those_who_can_take_part(clients, unseen, cohort, fine):
    changes = {
        "partition.clients": clients,
        "partition.unseen_clients": unseen,
        "federation.clients_per_round": cohort,
    }
    if fine:
        assert check(changes)
        return
    (line,) = problems(changes)
    assert line.startswith(
        f"{FILES['federation']}: federation.clients_per_round: "
        f"{cohort} clients cannot be drawn from the {clients - unseen} that are not unseen or opted out"
    )


def test_problems_of_all_sorts_are_told_at_once():
    lines = problems(
        {
            "seed": "x",
            "federation.rounds": 0,
            "federation.roundz": 3,
            "partition.opt_out": 2,
            "model.expert": "lenett",
            "personalization.methods": ["finetune", "orakle"],
            "nonsense": 1,
        }
    )
    keys = sorted(line.split(": ")[1] for line in lines)
    assert keys == [
        "federation.rounds",
        "federation.roundz",
        "model.expert",
        "nonsense",
        "partition.opt_out",
        "personalization.methods",
        "personalization.methods",
        "seed",
    ]


@pytest.fixture
def folders(tmp_path):
    def write(name, text):
        file = tmp_path / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("base/parameters.yml", "seed: -1\nevaluation: {resamples: 0}\n")
    write("base/federated_training/parameters.yml", "federation:\n  rounds: 0\n  batch_size: 0\n")
    write("mine/parameters.yml", "federation:\n  rounds: 0\n")
    write("mine/parameters_empty.yml", "")
    return tmp_path, [tmp_path / "conf" / "base", tmp_path / "conf" / "mine"]


BAD = {
    "seed": -1,
    "federation.rounds": 0,
    "federation.batch_size": 0,
    "evaluation.resamples": 0,
    "evaluation.confidence": 2.0,
}


def test_the_place_is_the_one_that_wins(folders):
    project, layers = folders
    origins = Origins(project, layers, {"evaluation": {"resamples": 0}})
    places = {line.split(": ")[1]: line.split(": ")[0] for line in problems(BAD, origins)}
    assert places == {
        "seed": "conf/base/parameters.yml",
        "federation.rounds": "conf/mine/parameters.yml",
        "federation.batch_size": "conf/base/federated_training/parameters.yml",
        "evaluation.resamples": "--params",
        # set nowhere; the group it belongs to is, on the command line
        "evaluation.confidence": "--params",
    }


def test_without_the_environment_the_base_is_named(folders):
    project, layers = folders
    lines = problems({"federation.rounds": 0}, Origins(project, layers[:1], {}))
    assert lines[0].startswith("conf/base/federated_training/parameters.yml: federation.rounds: ")


def test_a_file_outside_the_project_is_named_in_full(folders, tmp_path_factory):
    _, layers = folders
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    lines = problems({"federation.rounds": 0}, Origins(elsewhere, layers, {}))
    assert lines[0].startswith(f"{layers[1] / 'parameters.yml'}: ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"partition.opt_out": 0.9, "federation.clients_per_round": 6}, "cannot be drawn from the 3"),
        ({"partition.opt_out_examples": 1.0}, "cannot be drawn from the 0"),
        ({"partition.evaluated_clients": 99}, "partition.evaluated_clients is 99"),
        ({"partition.opt_out_clients": [77]}, "partition.opt_out_clients names 77"),
        ({"partition.validation_size": 0.6, "partition.local_test_size": 0.5}, "partition.validation_size"),
    ],
)
def test_a_partition_that_no_data_could_meet_is_told_beforehand(changes, words):
    lines = problems({"partition.clients": 30, **changes})
    assert any(words in line for line in lines)


def test_interpolating_weights_needs_one_architecture():
    methods = ["finetuned", "wise_ft"]
    assert check({"personalization.methods": methods, "model.specialist": "small_cnn"})
    (line,) = problems({"personalization.methods": methods, "model.specialist": "mlp"})
    assert line.startswith(f"{FILES['personalization']}: personalization.methods: 'wise_ft' goes from")
    assert "model.specialist is 'mlp'" in line


@pytest.mark.parametrize(
    ("source", "preprocessing", "fine"),
    [
        ("none", "standardize", True),
        ("auto", "standardize", True),
        ("lowfreq", "standardize", True),
        ("random_tokens", "standardize", False),
        ("auto", "vocabulary", True),
        ("zipf_tokens", "vocabulary", True),
        ("lowfreq", "vocabulary", False),
    ],
)
def test_what_a_generalist_is_calibrated_with_suits_the_data(source, preprocessing, fine):
    changes = {"personalization.calibration": source, "data.preprocessing": preprocessing}
    if preprocessing == "vocabulary":
        changes |= {"model.expert": "bilstm", "model.gate": "bilstm"}
    if fine:
        assert check(changes)
        return
    (line,) = problems(changes)
    assert line.startswith(f"{FILES['personalization']}: personalization.calibration: {source!r} makes ")


def test_a_misspelt_calibration_is_told_with_the_nearest_name():
    (line,) = problems({"personalization.calibration": "lowfrek"})
    assert "there is no calibration 'lowfrek'. Did you mean 'lowfreq'?" in line


def test_a_frontier_needs_the_specialist_that_losses_are_measured_against():
    changes = {"evaluation.frontier": True, "personalization.methods": ["constant"]}
    (line,) = problems(changes)
    assert line.startswith(f"{FILES['evaluation']}: evaluation.frontier: ")
    assert "finetuned" in line
    assert check({**changes, "personalization.methods": ["constant", "finetuned"]})
