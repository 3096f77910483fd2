"""Kedro's settings for this project; see https://docs.kedro.org/en/stable/configure/configuration_basics."""

import os

from fedexperts.hooks import CheckpointHooks, ManifestHooks, ParameterHooks, ResultHooks, WholeFileHooks
from fedexperts.versions import VersionHooks

# What an Apple GPU cannot compute, torch then computes on the CPU, with a warning. It looks on import.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

HOOKS = (
    ParameterHooks(),
    WholeFileHooks(),
    CheckpointHooks(),
    ManifestHooks(),
    ResultHooks(),
    VersionHooks(),
)

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment names only the settings in which it differs.
    "merge_strategy": {"parameters": "soft"},
}
