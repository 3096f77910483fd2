"""Which code and packages results come from, as far as they can change a result's last digit."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
COMPUTING = ("torch", "numpy")


@cache
def describe_code() -> dict[str, str]:
    """Name the code, and the packages that it computes with.

    Returns:
        ``code``, a fingerprint of every file of this package, and the versions of Python, torch and numpy.
    """
    found = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        found.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
        found.update(file.read_bytes() + b"\0")
    versions = {package: version(package) for package in COMPUTING}
    return {"code": found.hexdigest(), "python": platform.python_version(), **versions}
