"""Typed settings: one class per group of parameters."""

from fedexperts.parameters.data import DataSettings, VocabularySettings
from fedexperts.parameters.groups import (
    EngineSettings,
    EvaluationSettings,
    FederationSettings,
    ModelSettings,
    OptimizerSettings,
    Parameters,
    PersonalizationSettings,
)
from fedexperts.parameters.partition import PartitionSettings

__all__ = [
    "DataSettings",
    "EngineSettings",
    "EvaluationSettings",
    "FederationSettings",
    "ModelSettings",
    "OptimizerSettings",
    "Parameters",
    "PartitionSettings",
    "PersonalizationSettings",
    "VocabularySettings",
]
