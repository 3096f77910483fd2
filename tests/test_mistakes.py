"""What stopped a run is told in words, and a fault is never called a mistake."""

from __future__ import annotations

import errno
import itertools
import os
import resource
from contextlib import suppress
from pathlib import Path

import click
import pytest
from conftest import Project, make_project
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DatasetError

from fedexperts.commands.mistakes import LOG, tell
from fedexperts.commands.overrides import parse_overrides, read_params
from fedexperts.errors import UserError


def raised(*errors: BaseException) -> BaseException:
    """The last of some errors, each raised from the one before."""
    for cause, error in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[-1]


def test_a_mistake_is_told_as_it_is_and_leaves_nothing(tmp_path: Path) -> None:
    error = raised(UserError("the seed is -1"), DatasetError("x"), RuntimeError("y"))
    assert tell(error, tmp_path, []) == "the seed is -1"
    assert list(tmp_path.iterdir()) == []


def test_a_fault_is_called_one_and_its_traceback_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyError) as caught:
        {}["lost"]
    told = tell(caught.value, tmp_path, [])
    assert "a fault in the program" in told
    assert "KeyError: 'lost'" in told
    assert LOG in told
    log = (tmp_path / LOG).read_text()
    assert '{}["lost"]' in log
    tell(ZeroDivisionError("second"), tmp_path, [])
    assert (tmp_path / LOG).read_text().startswith(log)


def test_a_fault_met_while_a_mistake_was_being_handled_is_not_called_a_mistake(tmp_path: Path) -> None:
    error = KeyError(1)
    error.__context__ = UserError("the seed is -1")
    assert "a fault in the program" in tell(error, tmp_path, [])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.parquet"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "a.parquet"), "change its permissions"),
        (OSError(errno.EROFS, "Read-only file system", "a.parquet"), "can only be read"),
        (MemoryError(), "the memory does not suffice: no room is left"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 4 bytes"), "does not suffice"),
    ],
)
def test_what_the_machine_refuses_is_told_with_a_remedy(error: Exception, words: str, tmp_path: Path) -> None:
    told = tell(raised(error, DatasetError("clients: Failed while saving data to dataset x")), tmp_path, [])
    assert words in told
    assert "fault in the program" not in told
    assert (tmp_path / LOG).is_file()


def test_without_a_place_for_the_log_the_message_is_told_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    assert "KeyError: 1" in (told := tell(KeyError(1), tmp_path, []))
    assert LOG not in told


@pytest.mark.parametrize(
    ("dataset", "told"),
    [("kedro_datasets.pandas.X", "delete it"), ("fedexperts.datasets.X", "a fault in the program")],
)
def test_a_damaged_file_is_told_but_not_a_fault_in_a_dataset_of_ours(
    dataset: str, told: str, tmp_path: Path
) -> None:
    error = DatasetError(f"clients: Failed while loading data from dataset {dataset}(filepath=x).")
    assert told in tell(raised(ValueError("no magic bytes"), error), tmp_path, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("seed=1,", {"seed": 1}),
        ("seed=1, partition.alpha=0.5", {"seed": 1, "partition": {"alpha": 0.5}}),
        (
            "personalization.methods=[local,fedavg],seed=2",
            {"personalization": {"methods": ["local", "fedavg"]}, "seed": 2},
        ),
        ("partition.opt_out_clients=[]", {"partition": {"opt_out_clients": []}}),
        ("x=[[1,2],[3,4]],seed=1", {"x": [[1, 2], [3, 4]], "seed": 1}),
        (
            "a={x: {y: 1, z: 2}, v: [3, {w: 4, u: 5}]},b=[]",
            {"a": {"x": {"y": 1, "z": 2}, "v": [3, {"w": 4, "u": 5}]}, "b": []},
        ),
        (
            """a="x,]",b=['y, ''[', z],c=it's,d="\\",\"""",
            {"a": "x,]", "b": ["y, '[", "z"], "c": "it's", "d": '",'},
        ),
        ("a={x: 1, y: 2},b=null", {"a": {"x": 1, "y": 2}, "b": None}),
        ("data.path=s3://bucket/a=b", {"data": {"path": "s3://bucket/a=b"}}),
    ],
)
def test_settings_on_the_command_line(text: str, expected: object) -> None:
    assert parse_overrides(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed", "'seed' is no setting"),
        ("=3", "'=3' is no setting"),
        ("seed=1,seed=2", "seed is given twice"),
        ("seed=[1", "seed: '[1' cannot be read"),
        ("seed=[1,a=2", "'[' is not closed"),
        ("a=1,seed={x: [1},b=2", "seed: '{x: [1}' cannot be read as a value: '}' closes nothing"),
        ("a=2,seed=1],b=3", "seed: '1]' cannot be read as a value: ']' closes nothing"),
        ("a=1,seed=${x", "seed: '${x' cannot be read"),
        ("seed=" + "9" * 5000, "cannot be read"),
        ("a.methods=[local],a.methods.x=3", "they contradict each other"),
    ],
)
def test_mistakes_on_the_command_line(text: str, words: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        parse_overrides(text)
    assert words in caught.value.message
    assert caught.value.exit_code == 1


def test_settings_that_do_not_go_with_those_of_a_file() -> None:
    context = click.Context(click.Command("run"))
    context.default_map = {"params": {"a": [1]}}
    with pytest.raises(click.ClickException, match="do not go with those of --config"):
        read_params(context, click.Option(["--params"]), "a.b=1")


@given(st.text(max_size=40))
def test_any_text_on_the_command_line_is_read_or_refused(text: str) -> None:
    with suppress(click.ClickException):
        assert isinstance(parse_overrides(text), dict)


# Through the real command line.


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a partition."""
    project = make_project(tmp_path_factory.mktemp("stored") / "project")
    project.run("--pipelines", "data")
    return project


def files(project: Project) -> set[Path]:
    return {path for path in (project.path / "data").rglob("*") if path.is_file()}


@pytest.mark.parametrize(("pipeline", "size"), [("data_ingestion", 20_000), ("client_partitioning", 3_000)])
def test_half_a_file_is_never_left(
    stored: Project, pipeline: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine refuses files above a size, in safetensors and in Kedro's own Parquet dataset."""
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)  # the files that coverage is noted in are refused too
    before = files(stored)
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # the run inherits it
    try:
        result = stored.kedro("run", "--env", "test", "--pipelines", pipeline)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert "ulimit -f" in result.stderr
    assert files(stored) == before


def test_a_place_that_cannot_be_written_to(project: Project) -> None:
    (project.path / "data").touch()
    result = project.kedro("run", "--env", "test", "--pipelines", "data")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert "no folder stands where a folder has to be" in result.stderr


def test_a_damaged_file_of_kedros_own_datasets(stored: Project) -> None:
    damaged = stored.latest("05_model_input", "assignments.parquet")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:100])
    result = stored.kedro("run", "--env", "test", "--pipelines", "federated_training")
    damaged.write_bytes(content)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert "The file is damaged" in result.stderr


def test_a_fault_shows_one_line_and_with_verbose_its_traceback(stored: Project) -> None:
    (stored.path / "src/mine.py").write_text("def share(*_):\n    return {}['lost']\n")
    arguments = (
        "run",
        "--env",
        "test",
        "--pipelines",
        "client_partitioning",
        "--params",
        "partition.scheme=mine:share",
    )
    result = stored.kedro(*arguments)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert "KeyError: 'lost'" in result.stderr
    assert "return {}['lost']" in (stored.path / LOG).read_text()
    result = stored.kedro(*arguments, "--verbose")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("parameters.yml", "seed: [1\n", "conf/test/parameters.yml: line 2: it is no YAML"),
        ("parameters.yml", "- 1\n", "it has to hold settings"),
        ("parameters.yml", "seed: 1\nseed: 2\n", "line 2: 'seed' stands there a second time"),
        (
            "parameters.yml",
            "seed: ${nowhere}\n",
            "conf/test/parameters.yml: seed: Interpolation key 'nowhere'",
        ),
        ("parameters.yml", "seed: ${globals:nope}\n", "conf/test/parameters.yml: seed: Globals key 'nope'"),
        ("parameters.yml", b"seed: \xff\n", "it is no UTF-8 text"),
        ("parameters_more.yml", "evaluation: {resamples: 2}\n", "Duplicate keys found"),
        ("globals.yml", "- 1\n", "conf/test/globals.yml: it has to hold settings"),
        ("catalog.yml", "raw_data: {type: nope.Nope}\n", "the catalog cannot be used"),
    ],
)
def test_a_file_of_settings_that_cannot_be_read(
    project: Project, name: str, text: str | bytes, words: str
) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (project.path / "conf/test" / name).write_bytes(content)
    result = project.kedro("run", "--env", "test")
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert files(project) == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--runner", "Nope"), "there is no runner 'Nope'"),
        (("--nodes", "nope"), "kedro registry describe"),
        (("--tags", "nope"), "contains no nodes"),
        (("--load-versions", "nope:1"), "kedro catalog describe-datasets"),
        (("--load-versions", "clients:1"), "--load-versions: clients:1: this run makes it itself"),
        (("--pipelines", "evaluation", "--load-versions", "generalist:1"), "there is none at all"),
        (("--only-missing-outputs",), "A run that was interrupted goes on by itself"),
        (("--params", "model.expert=nope.module:Net"), "No module named 'nope'"),
    ],
)
def test_a_command_that_cannot_be_carried_out(
    stored: Project, arguments: tuple[str, ...], words: str
) -> None:
    before = files(stored)
    result = stored.kedro("run", "--env", "test", *arguments)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert files(stored) == before
