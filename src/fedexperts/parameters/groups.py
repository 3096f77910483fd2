"""The groups of settings, one class each, as they stand in ``conf/base/<pipeline>/parameters.yml``.

The defaults of an experiment live in those files and not here, so that what a run did can be read in one
place.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fedexperts.parameters.base import (
    BatchSize,
    Confidence,
    Count,
    Fraction,
    Momentum,
    Name,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Resamples,
    Seed,
    Settings,
)
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

    expert: Name
    gate: Name
    specialist: Name | None = None

    @property
    def specialist_name(self) -> str:
        """The name of the specialists' architecture."""
        return self.specialist or self.expert


class EngineSettings(Settings):
    """How the computing is shared out; it has no part in what is computed, up to rounding.

    Attributes:
        chunk_size: How many clients are computed together. Another size rounds differently.
        workers: How many processes share the chunks, on the CPU. Any number gives the same bits.
        checkpoint_every: How many rounds of federated training lie between checkpoints.
    """

    chunk_size: PositiveInt | Literal["auto"]
    workers: PositiveInt | Literal["auto"]
    checkpoint_every: PositiveInt | Literal["auto"]


class OptimizerSettings(Settings):
    """How one model is trained on one client's data.

    Attributes:
        optimizer: The rule; fresh for every client.
        learning_rate: Its step size.
        batch_size: Examples in a full batch.
        momentum: Of ``sgd`` alone.
        weight_decay: As in torch: a part of the gradient, but for ``adamw``, where it shrinks the weights.
        proximal: mu of FedProx (Li et al., arXiv:1812.06127): the loss grows by mu / 2 times the squared
            distance from the weights that the client started with.
        own_rates: By how the names of parameters begin, a step size of their own.
    """

    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: PositiveFloat
    batch_size: BatchSize
    momentum: Momentum = 0.0
    weight_decay: NonNegativeFloat = 0.0
    proximal: NonNegativeFloat = 0.0
    own_rates: dict[str, PositiveFloat] = Field(default_factory=dict)

    def rate_of(self, parameter: str) -> float:
        """The step size of the parameter of this name."""
        own = (rate for start, rate in self.own_rates.items() if parameter.startswith(start))
        return next(own, self.learning_rate)


class LocalTrainingSettings(Settings):
    """What the two groups that train on clients' data have in common; see :class:`OptimizerSettings`."""

    batch_size: BatchSize
    optimizer: Literal["adam", "adamw", "sgd"]
    momentum: Momentum
    weight_decay: NonNegativeFloat
    proximal: NonNegativeFloat
    learning_rate: PositiveFloat

    def local_training(self, learning_rate: float | None = None) -> OptimizerSettings:
        """How one model trains.

        Args:
            learning_rate: One of its own; None for the group's.
        """
        own = self.model_dump(include=set(OptimizerSettings.model_fields))
        return OptimizerSettings(**own | {"learning_rate": learning_rate or self.learning_rate})


class FederationSettings(LocalTrainingSettings):
    """Federated averaging.

    Attributes:
        rounds: How many.
        clients_per_round: The size of a cohort.
        local_epochs: How often a client of the cohort goes through its examples.
        validate_every: Rounds between validations.
        aggregation: A name from :data:`fedexperts.federation.rules.RULES`.
        client_dropout: The probability that a client of the cohort does not answer in time; or the clients
            that never do.
        min_clients: With fewer that answer, a round is repeated with another cohort.
        max_update: The L2 norm of the longest update that is trusted; None for any finite one.
        max_failed: The share of a cohort whose training may fail in a round before the run does.
    """

    rounds: PositiveInt
    clients_per_round: PositiveInt
    local_epochs: PositiveInt
    validate_every: PositiveInt
    aggregation: Name
    client_dropout: Fraction | Annotated[tuple[Count, ...], Field(strict=False)]
    min_clients: PositiveInt
    max_update: PositiveFloat | None
    max_failed: Fraction


AT_GATE_TRAINING = ("gate_learning_rate",)
AT_EVALUATION = (
    "methods",
    "constant_weights",
    "wise_ft_weights",
    "tolerance",
    "calibration",
    "calibration_threshold",
)


class PersonalizationSettings(LocalTrainingSettings):
    """What every client trains for itself, and how it predicts with it.

    Attributes:
        methods: Names from :data:`fedexperts.personalization.registry.METHODS`.
        max_epochs: The most epochs of training.
        patience: Epochs without a lower validation loss before a client stops.
        local_learning_rate: Of local models, which start from nothing.
        gate_learning_rate: Of gates, which start from nothing; None for that of specialists, as in the paper.
        constant_weights: How many weights from 0 to 1 ``constant`` tries.
        wise_ft_weights: How many steps from generalist to specialist ``wise_ft`` tries.
        tolerance: How much accuracy on its validation examples a client gives up with ``density_ratio``.
        calibration: Where the inputs come from that the generalist is calibrated with: a name from
            :data:`fedexperts.personalization.registry.CALIBRATIONS`.
        calibration_threshold: A leaning towards a class up to this counts as none, and each larger one as
            so much smaller, in nats.
    """

    methods: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
    max_epochs: PositiveInt
    patience: PositiveInt
    local_learning_rate: PositiveFloat
    gate_learning_rate: PositiveFloat | None = None
    constant_weights: Annotated[int, Field(ge=2, le=1_001)]
    wise_ft_weights: Annotated[int, Field(ge=2, le=1_001)]
    tolerance: Fraction
    calibration: Name
    calibration_threshold: NonNegativeFloat

    @property
    def at_training(self) -> dict[str, Any]:
        """The settings that matter when models are trained, in a form that JSON can hold."""
        return self.model_dump(mode="json", exclude=set(AT_EVALUATION))

    @property
    def at_evaluation(self) -> dict[str, Any]:
        """The settings that matter when methods are evaluated, in a form that JSON can hold."""
        return self.model_dump(mode="json", include=set(AT_EVALUATION))


class EvaluationSettings(Settings):
    """How results are measured and summed up.

    Attributes:
        calibration_bins: Bins of the expected calibration error.
        resamples: Bootstrap resamples of the clients.
        confidence: Of the intervals.
        frontier: Whether to measure the methods with their dials moved as well.
    """

    calibration_bins: Annotated[int, Field(ge=1, le=10_000)]
    resamples: Resamples
    confidence: Confidence
    frontier: bool


class Parameters(Settings):
    """All settings of a run; a key that is not here is a mistake."""

    seed: Seed
    resume: Literal["auto", "never", "required"]
    device: Literal["auto", "cpu", "cuda", "mps"]
    engine: EngineSettings
    data: DataSettings
    partition: PartitionSettings
    model: ModelSettings
    federation: FederationSettings
    personalization: PersonalizationSettings
    evaluation: EvaluationSettings
