"""The groups of settings, one class each, as they stand in ``conf/base/<pipeline>/parameters.yml``.

The defaults of an experiment live in those files and not here, so that what a run did can be read in one
place.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fedexperts.parameters.base import Count, PositiveFloat, PositiveInt, Settings
from fedexperts.parameters.data import DataSettings
from fedexperts.parameters.partition import PartitionSettings


class ModelSettings(Settings):
    """Which architecture the experts and the gate have.

    Attributes:
        expert: The generalist's and the local models': a name from
            :data:`fedexperts.models.registry.MODELS`, or an import path ``"package.module:Name"``.
        gate: The gate's.
        specialist: The specialists', alone and in the mixture. None for the expert's, and then specialists
            start from the generalist; another one starts from weights of its own.
    """

    expert: str
    gate: str
    specialist: str | None = None

    @property
    def specialist_name(self) -> str:
        """The name of the specialists' architecture."""
        return self.specialist or self.expert


class OptimizerSettings(Settings):
    """How one model is trained on one client's data."""

    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: PositiveFloat
    batch_size: PositiveInt


class FederationSettings(Settings):
    """Federated averaging."""

    rounds: PositiveInt
    clients_per_round: PositiveInt
    local_epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: PositiveFloat
    validate_every: PositiveInt
    aggregation: str

    @property
    def local_training(self) -> OptimizerSettings:
        """How a client of the cohort trains."""
        return OptimizerSettings(
            optimizer=self.optimizer, learning_rate=self.learning_rate, batch_size=self.batch_size
        )


AT_EVALUATION = ("methods", "constant_weights")


class PersonalizationSettings(Settings):
    """What every client trains for itself."""

    methods: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    max_epochs: PositiveInt
    patience: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: PositiveFloat
    local_learning_rate: PositiveFloat
    constant_weights: Annotated[int, Field(ge=2)]

    @property
    def at_training(self) -> dict[str, Any]:
        """The settings that matter when models are trained, in a form that JSON can hold."""
        return self.model_dump(mode="json", exclude=set(AT_EVALUATION))

    @property
    def at_evaluation(self) -> dict[str, Any]:
        """The settings that matter when methods are evaluated, in a form that JSON can hold."""
        return self.model_dump(mode="json", include=set(AT_EVALUATION))

    def local_training(self, learning_rate: float) -> OptimizerSettings:
        """How one personal model trains, at its own learning rate."""
        return OptimizerSettings(
            optimizer=self.optimizer, learning_rate=learning_rate, batch_size=self.batch_size
        )


class EvaluationSettings(Settings):
    """How results are measured and summed up."""

    calibration_bins: PositiveInt
    resamples: PositiveInt
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)]


class Parameters(Settings):
    """All settings of a run; a key that is not here is a mistake."""

    seed: Count
    device: Literal["auto", "cpu", "cuda", "mps"]
    data: DataSettings
    partition: PartitionSettings
    model: ModelSettings
    federation: FederationSettings
    personalization: PersonalizationSettings
    evaluation: EvaluationSettings
