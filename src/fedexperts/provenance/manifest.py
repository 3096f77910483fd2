"""The manifest of a run: what it was made with, and which stored versions belong together."""

from __future__ import annotations

from typing import Any

from fedexperts.provenance.environment import describe_environment
from fedexperts.provenance.record import plain


def build_manifest(
    run: dict[str, Any],
    parameters: dict[str, Any],
    device: str,
    loaded: dict[str, str],
    saved: dict[str, str],
) -> dict[str, Any]:
    """Put together what lets anyone repeat a run.

    Args:
        run: What was asked for: pipelines, environment and the like.
        parameters: All settings of the run.
        device: What the run computed on.
        loaded: The version of each stored input that the run read.
        saved: The version of each output that the run stored.

    Returns:
        A dict that JSON can hold, with ``run``, ``seed``, ``environment``, ``loaded_versions``,
        ``saved_versions`` and ``parameters``.
    """
    settings = plain(parameters)
    return {
        "run": run,
        "seed": settings["seed"],
        "environment": describe_environment(device),
        "loaded_versions": dict(sorted(loaded.items())),
        "saved_versions": dict(sorted(saved.items())),
        "parameters": settings,
    }
