"""A project to run things in, and the command line to run them with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about what else the machine is doing than about the code.
settings.register_profile("fedexperts", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fedexperts")

ROOT = Path(__file__).parents[1]
PATIENCE = 1200
"""Seconds until a process counts as hanging: many times what it takes on a busy machine."""


@dataclass(frozen=True)
class Project:
    """A copy of the project's configuration in a folder of its own; the code is the installed one."""

    path: Path

    def kedro(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``kedro`` in the project as a user would."""
        environment = {**os.environ, "DO_NOT_TRACK": "1", "COLUMNS": "120", "NO_COLOR": "1"}
        return subprocess.run(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pipelines in the tiny environment, and expect it to work."""
        result = self.kedro("run", "--env", "test", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def latest(self, folder: str, name: str) -> Path:
        """The newest version of a stored file."""
        return max((self.path / "data" / folder / "test" / name).glob(f"*/{name}"))


def make_project(path: Path) -> Project:
    path.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "conf", path / "conf")
    shutil.copytree(ROOT / "notebooks", path / "notebooks")
    shutil.copy(ROOT / "pyproject.toml", path)
    (path / "src").mkdir()
    return Project(path)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which all pipelines have run once, in the tiny environment; not to be changed."""
    finished = make_project(tmp_path_factory.mktemp("finished") / "project")
    finished.run()
    return finished
