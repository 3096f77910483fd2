"""The same through the real command line: a sample each time, and all of it with FEDEXPERTS_FUZZ_CLI=20."""

from __future__ import annotations

import os
import runpy
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import make_project
from hypothesis import HealthCheck, Phase, assume, given, settings

HERE = Path(__file__).parent
bad_files = runpy.run_path(str(HERE / "bad_files.py"))["CASES"]
bad_settings = runpy.run_path(str(HERE / "bad_settings.py"))
MORE = int(os.environ.get("FEDEXPERTS_FUZZ_CLI", "1"))  # how many times as many; each takes seconds
SAMPLE = (
    "image: bomb of 10^10 pixels",
    "archive with '../evil.png'",
    "table: a quote that never ends",
    "parquet cut at 0.5",
    "IDX images: 10^12 items",
    "CIFAR: batches that run a command",
)
ONE_BY_ONE = settings(
    max_examples=5 * MORE,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("command line") / "project")


def refused(project, *arguments):
    """What ``kedro run`` says when it refuses, without a traceback and without leaving anything behind."""
    before = listing(project.path)
    result = project.kedro("run", "--env", "test", *arguments)
    said = result.stdout + result.stderr
    assert result.returncode == 1, said
    assert "Traceback" not in said
    assert result.stderr.startswith("Error: "), said
    assert "fault in the program" not in result.stderr, said
    assert listing(project.path) == before
    return result.stderr


def listing(folder):
    """All files, but for the notes that Kedro-Viz keeps of every run."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and ".viz" not in path.parts
    }


def nested(changes):
    """From dotted names to what a file of settings holds."""
    content = {}
    for key, value in changes.items():
        *path, last = key.split(".")
        group = content
        for part in path:
            group = group.setdefault(part, {})
        group[last] = value
    return content


def with_settings(project, changes):
    """Change some settings of the environment, in its own file; what YAML cannot hold is passed over."""
    file = project.path / "conf/test/parameters.yml"
    whole = (project.path / "conf/test/parameters.whole").read_text()
    try:
        text = yaml.safe_dump(merged(yaml.safe_load(whole), nested(changes)), allow_unicode=True)
    except (yaml.YAMLError, ValueError):
        assume(False)
    file.write_text(text, encoding="utf-8")


def merged(base, changes):
    for key, value in changes.items():
        base[key] = merged(base.get(key) or {}, value) if isinstance(value, dict) and value else value
    return base


@pytest.fixture
def settings_project(project):
    file = project.path / "conf/test/parameters.yml"
    shutil.copy(file, file.with_suffix(".whole"))
    yield project
    file.with_suffix(".whole").replace(file)


@ONE_BY_ONE
@given(bad_settings["wrong_value"]())
def test_a_value_that_is_not_allowed(settings_project, changed):
    key, value = changed
    with_settings(settings_project, {key: value})
    assert f": {key}: " in refused(settings_project)


@ONE_BY_ONE
@given(bad_settings["unknown_key"]())
def test_a_key_that_there_is_not(settings_project, changed):
    with_settings(settings_project, dict([changed]))
    assert "there is no such setting" in refused(settings_project)


@pytest.mark.parametrize("name", bad_files if MORE > 1 else SAMPLE)
def test_a_bad_file(name, tmp_path):
    project = make_project(tmp_path / "project")
    entry = bad_files[name](tmp_path)
    conf = project.path / "conf/test"
    (conf / "catalog.yml").write_text(yaml.safe_dump({"raw_data": {"path": None, **entry}}))
    (conf / "globals.yml").write_text(yaml.safe_dump({"dataset": "test", "data_path": entry.get("path")}))
    texts = "text" in entry
    model = {"model.expert": "bag_of_embeddings", "model.gate": "bag_of_embeddings"} if texts else {}
    (conf / "parameters_data.yml").write_text(
        yaml.safe_dump(nested({"data.preprocessing": "vocabulary" if texts else "standardize", **model}))
    )
    before = listing(tmp_path)
    message = refused(project)
    assert len(message) > 30
    assert listing(tmp_path) == before
