"""The settings of the partition."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fedexperts.parameters.base import Count, ExampleCount, Fraction, Name, PositiveInt, Settings

Size = ExampleCount | Annotated[float, Field(gt=0.0, lt=1.0)]


class PartitionSettings(Settings):
    """Which example belongs to which client and split.

    A size that is a whole number counts examples; one between 0 and 1 is a fraction: of the whole data set
    for the global test, and of each client's examples for the client's own splits, once the splits that are
    counts have been set aside.

    Attributes:
        scheme: How the classes are spread over the clients: a name from
            :data:`fedexperts.partitioning.registry.SCHEMES`, or an import path ``"package.module:function"``.
        clients: Number of clients.
        alpha: Concentration of the Dirichlet schemes and of ``quantity_skew``; the smaller, the more the
            clients differ.
        majority_fraction: Share of a client's examples that its majority classes make up
            (``majority_classes``).
        majority_classes: Number of majority classes of a client (``majority_classes``).
        shards_per_client: Number of shards that each client is dealt (``shards``).
        examples_per_client: Training examples of every client; with none, the whole pool is shared out.
        min_examples: Fewest training examples of a client whose size the scheme decides.
        validation_size: Validation examples of every client.
        local_test_size: Local test examples of every evaluated client.
        global_test_size: Examples of the class-balanced test set that all clients share; ``all`` for all that
            the data set itself sets aside for tests, which then are used for nothing else.
        evaluated_clients: How many clients, drawn at random, are personalised and tested; with none, all are.
        unseen_clients: How many of those never take part in federated training.
        opt_out: Fraction of the clients that opt out with all of their data.
        opt_out_clients: Ids of clients that opt out with all of their data, in any case.
        opt_out_examples: Fraction of its training and validation examples that every client opts out with.
    """

    scheme: Name
    clients: PositiveInt
    alpha: Annotated[float, Field(ge=1e-300, le=1e300)]
    majority_fraction: Fraction
    majority_classes: PositiveInt
    shards_per_client: Annotated[int, Field(ge=1, le=1_000)]
    examples_per_client: ExampleCount | None
    min_examples: ExampleCount
    validation_size: Size
    local_test_size: Size
    global_test_size: Size | Literal["all"]
    evaluated_clients: PositiveInt | None
    unseen_clients: Count
    opt_out: Fraction
    opt_out_clients: Annotated[tuple[Count, ...], Field(strict=False)]
    opt_out_examples: Fraction
