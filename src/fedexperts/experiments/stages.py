"""What the stages of a run depend on, and names for what they make.

A stage is a pipeline that stores something: the partition, the generalist, ... What it makes is named by a
*key*, a fingerprint of the environment, of the settings that it reads and of the keys of the stages it reads
from. Two points agree on a stage if and only if its keys are the same, and then one run of it serves both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fedexperts.parameters import Parameters
from fedexperts.personalization.registry import METHODS, needed_kinds
from fedexperts.provenance.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ADDED = (("personalization", "gate_learning_rate"),)
"""Settings that came when there were results already; null names what those are."""
WITHOUT_EFFECT = {"engine": {"workers", "checkpoint_every"}}
"""Settings that change how a run goes on, and no bit of its result."""


@dataclass(frozen=True)
class Stage:
    """A pipeline, as far as it matters to what can be shared.

    Attributes:
        name: The pipeline's.
        groups: The groups of settings that it reads.
        inputs: By name of a versioned input, the stage that makes it.
        outputs: Its versioned outputs.
        unread: By name of a group, the settings in it that the stage does not read.
    """

    name: str
    groups: tuple[str, ...]
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    unread: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages that it reads from."""
        return tuple(sorted(set(self.inputs.values())))


def canonical(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Write settings in one way, whether they come from files or from a manifest.

    Raises:
        pydantic.ValidationError: If they are not the settings of this version of the project.
    """
    plain = Parameters.model_validate(parameters).model_dump(mode="json", exclude=WITHOUT_EFFECT)
    for group, name in ADDED:
        if plain[group][name] is None:
            del plain[group][name]
    return plain


def stage_key(stage: Stage, environment: str, settings: Mapping[str, Any], upstream: Sequence[str]) -> str:
    """Name what a stage makes.

    Args:
        stage: The stage.
        environment: The folder of ``conf``.
        settings: All settings, as :func:`canonical` writes them.
        upstream: The keys of ``stage.needs``, in that order.

    Returns:
        32 hexadecimal digits.
    """
    read = {group: settings.get(group) for group in sorted(stage.groups)}
    for group, names in stage.unread.items():
        if group in read:
            read[group] = {name: value for name, value in settings[group].items() if name not in names}
    trained = _trained(stage, settings)
    return fingerprint({}, (environment, stage.name, json.dumps([read, trained], sort_keys=True), *upstream))


def _trained(stage: Stage, settings: Mapping[str, Any]) -> list[str]:
    """The kinds of models that a stage trains, which is all that its results depend on in the methods."""
    # Manifests may tell of methods that there are no more.
    methods = [name for name in settings.get("personalization", {}).get("methods", ()) if name in METHODS]
    return sorted(needed_kinds(tuple(methods)) & set(stage.outputs))


def stage_keys(stages: Sequence[Stage], environment: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Name what every stage makes for one point.

    Args:
        stages: All versioned stages, each after those that it needs.
        environment: The folder of ``conf``.
        settings: All settings, as :func:`canonical` writes them.

    Returns:
        A key for the name of every stage.
    """
    keys: dict[str, str] = {}
    for stage in stages:
        keys[stage.name] = stage_key(stage, environment, settings, [keys[name] for name in stage.needs])
    return keys
