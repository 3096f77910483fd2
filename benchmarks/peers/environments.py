"""A virtual environment for each framework, made when it is first needed."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import torch

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".environments"
INSTALLED = "installed.txt"


class InstallationError(Exception):
    """A framework could not be installed; the message is pip's last word."""


def python_of(peer: str) -> str:
    """The interpreter that has a framework, which is installed first if need be.

    The environment sees the packages of the running one behind its own: all frameworks compute with one and
    the same torch, and nobody downloads it twice.

    Args:
        peer: The framework, as its file of requirements calls it.

    Raises:
        InstallationError: If that fails.
    """
    requirements = HERE / f"requirements-{peer}.txt"
    folder = ENVIRONMENTS / peer
    python, installed = folder / "bin" / "python", folder / INSTALLED
    wanted = f"{requirements.read_text(encoding='utf-8')}{sys.version}\n{torch.__version__}\n"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        print(f"Installing {requirements.name} into {folder} ...", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        shared = Path(torch.__file__).parents[1]
        (packages / "shared.pth").write_text(f"{shared}\n", encoding="utf-8")
        command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise InstallationError(done.stderr.strip().splitlines()[-1])
        installed.write_text(wanted, encoding="utf-8")
    return str(python)


def version_of(python: str, package: str) -> str:
    """Ask an interpreter for the version of a package."""
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()
