"""The manifest of a run: what it was made with, and which stored versions belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedexperts.provenance.record import plain

if TYPE_CHECKING:
    from collections.abc import Mapping


LISTS = {
    "pipelines": "pipeline_names",
    "tags": "tags",
    "node_names": "node_names",
    "from_nodes": "from_nodes",
    "to_nodes": "to_nodes",
    "from_inputs": "from_inputs",
    "to_outputs": "to_outputs",
    "namespaces": "namespaces",
}
"""The options of ``kedro run`` that hold lists, and what Kedro's hooks call them."""


def build_manifest(
    run: Mapping[str, Any],
    parameters: dict[str, Any],
    environment: Mapping[str, str],
    code: Mapping[str, str],
    data: str,
    loaded: dict[str, str],
    saved: dict[str, str],
) -> dict[str, Any]:
    """Put together what lets anyone repeat a run, with ``kedro run --config`` and the manifest's file.

    Args:
        run: What Kedro's hooks are told about the run: pipelines, environment and the like.
        parameters: All settings of the run.
        environment: Date, commit, machine and packages; see :mod:`fedexperts.provenance.environment`.
        code: A fingerprint for each module that it computed with.
        data: A fingerprint of the examples; empty where it saw none.
        loaded: The version of each stored input that the run read.
        saved: The version of each output that the run stored.

    Returns:
        A dict that JSON can hold, with ``run_id``, ``run``, ``seed``, ``environment``, ``code``, ``data``,
        ``loaded_versions``, ``saved_versions`` and ``parameters``. ``run`` holds the options of ``kedro run``
        that do the same again.
    """
    settings = plain(parameters)
    return {
        "run_id": run["run_id"],
        "run": _options(run, settings, loaded),
        "seed": settings["seed"],
        "environment": dict(environment),
        "code": dict(code),
        "data": data,
        "loaded_versions": dict(sorted(loaded.items())),
        "saved_versions": dict(sorted(saved.items())),
        "parameters": settings,
    }


def _options(run: Mapping[str, Any], settings: dict[str, Any], loaded: Mapping[str, str]) -> dict[str, Any]:
    lists = {option: ",".join(run.get(key) or ()) for option, key in LISTS.items()}
    versions = ",".join(f"{name}:{version}" for name, version in sorted(loaded.items()))
    # Whether the run went on from an earlier one is no part of what it did.
    params = {name: value for name, value in settings.items() if name != "resume"}
    options = {"env": run.get("env"), **lists, "load_versions": versions, "params": params}
    return {option: value for option, value in options.items() if value}
