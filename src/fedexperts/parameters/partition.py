"""The settings of the partition."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fedexperts.parameters.base import Fraction, PositiveFloat, PositiveInt, Settings

Size = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0.0, lt=1.0)]


class PartitionSettings(Settings):
    """Which example belongs to which client and split."""

    scheme: str
    clients: PositiveInt
    alpha: PositiveFloat
    validation_size: Size
    local_test_size: Size
    global_test_size: Size
    opt_out: Fraction
