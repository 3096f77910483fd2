"""What a run was made with."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fedexperts.provenance import code

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = (
    "fedexperts",
    "kedro",
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "plotly",
)
UNKNOWN = "unknown"


def describe_environment(device: str, commit: Mapping[str, str]) -> dict[str, str]:
    """Note date, code, machine and package versions; nothing that identifies a person.

    Args:
        device: The device the run asked for.
        commit: As :func:`describe_commit` returns it.

    Returns:
        A text for each.
    """
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
        **commit,
        "device": device,
        "platform": platform.platform(),
        "processor": code.processor_model(),
        "processors": str(os.cpu_count() or UNKNOWN),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def describe_commit() -> dict[str, str]:
    """Note the commit of the project's code.

    Returns:
        ``git_commit``, and as ``git_state`` ``clean``, ``dirty`` (the working tree differs from the commit)
        or ``unknown`` (there is no repository, or no git).
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("--no-optional-locks", "status", "--porcelain")
    return {
        "git_commit": commit or UNKNOWN,
        "git_state": UNKNOWN if not commit or changes is None else ("dirty" if changes else "clean"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(*arguments: str) -> str | None:
    """Ask git about the project's code, wherever the command was given; None if it has no answer."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            [git, *arguments], cwd=code.PACKAGE, capture_output=True, text=True, check=True, timeout=10
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return answer.stdout.strip()
