"""What all groups of settings have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveFloat = Annotated[float, Field(gt=0.0, le=1e6, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
Momentum = Annotated[float, Field(ge=0.0, lt=1.0)]
# Upper ends are far above what is of use, and below what would fill the memory or run for ever.
Count = Annotated[int, Field(ge=0, le=1_000_000)]
PositiveInt = Annotated[int, Field(ge=1, le=1_000_000)]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
ExampleCount = Annotated[int, Field(ge=1, le=10_000_000)]
Resamples = Annotated[int, Field(ge=1, le=100_000)]
Confidence = Annotated[float, Field(gt=0.0, lt=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


class Settings(BaseModel):
    """A group of settings: typed, fixed once read, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
