"""Which code, packages and processor results come from, as far as they can change a result's last digit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import platform
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
COMPUTING = ("torch", "numpy")
CHANGED = "changed while it ran"

logger = logging.getLogger(__name__)


def describe_code(*names: str) -> dict[str, str]:
    """Name the code, and the packages that it computes with.

    Args:
        names: Names from settings; for import paths, ``"package.module:Name"``, the module counts too.

    Returns:
        ``code``, a fingerprint of every file of this package and of the modules that are named, and the
        versions of Python, torch and numpy.
    """
    found = hashlib.sha256(json.dumps(digest_modules(*names)).encode()).hexdigest()
    versions = {package: version(package) for package in COMPUTING}
    return {"code": found, "python": platform.python_version(), **versions}


def digest_modules(*names: str) -> dict[str, str]:
    """Fingerprint this package, and each module that a name leads to, by the name of the module."""
    modules = sorted({name.partition(":")[0] for name in names if ":" in name})
    own = {module: hashlib.sha256(_source_of(module)).hexdigest() for module in modules}
    return {PACKAGE.name: package_digest().hex(), **own}


def processor_model() -> str:
    """The model of the processor, as far as the system tells."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _source_of(module: str) -> bytes:
    """A module's file; nothing where it has none."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        spec = find_spec(module)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).read_bytes()
    return b""


@cache
def package_digest() -> bytes:
    """Fingerprint every file of this package, as it was when this was first asked for."""
    return _read_package()


def as_of_now(begun: dict[str, str]) -> dict[str, str]:
    """Say of the code that a run began with whether it is still there.

    Modules are imported when they are first needed, so a run whose files change may compute with both.

    Args:
        begun: As :func:`digest_modules` returned it when the run began.

    Returns:
        The same, with a word behind the fingerprint of this package if its files are others now.
    """
    if _read_package() == package_digest():
        return begun
    logger.warning("The code of %s was changed while this run went on; the manifest says so", PACKAGE.name)
    return {**begun, PACKAGE.name: f"{begun[PACKAGE.name]}; {CHANGED}"}


def _read_package() -> bytes:
    found = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        found.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
        found.update(file.read_bytes() + b"\0")
    return found.digest()
