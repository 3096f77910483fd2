"""Word embeddings cut down to the words that a client uses, while its model is trained.

A word that a client's texts do not hold gets no gradient, and a fresh optimiser without weight decay does not
move what never had one. So its row can be left out of training and be put back afterwards; the result is
exactly that of training the whole table, and a fraction of it is copied and updated in each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from fedexperts.examples import PADDING
from fedexperts.training.data import CohortData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from fedexperts.parameters import OptimizerSettings
    from fedexperts.training.stacked import StackedModule


@dataclass(frozen=True)
class CutDown:
    """A cohort whose models know the words of their clients alone.

    Attributes:
        module: The architecture, for so many words.
        rows: ``[clients, parameters]``: the weights to start from, its own to change.
        data: The same examples with the clients' words renumbered.
        whole: The architecture as it was.
        start: ``[clients, parameters of the whole]``: the weights as they were.
        words: ``[clients, words]``: the number that each word had; None if nothing was cut.
    """

    module: StackedModule
    rows: Tensor
    data: Sequence[CohortData]
    whole: StackedModule
    start: Tensor
    words: Tensor | None

    def put_back(self, rows: Tensor) -> Tensor:
        """Give trained models all their words again, ``[clients, parameters of the whole]``."""
        if self.words is None:
            return rows
        trained, parameters = self.module.parameters(rows), self.whole.parameters(self.start)
        clients = torch.arange(len(rows), device=rows.device)[:, None]
        for name in self.whole.word_embeddings:
            table = parameters[name].clone()
            table[clients, self.words] = trained[name]
            trained[name] = table
        return self.whole.rows(trained)


def cut_down(
    module: StackedModule, start: Tensor, data: Sequence[CohortData], settings: OptimizerSettings
) -> CutDown:
    """Leave out the words that no text of a client holds, if the model looks words up.

    Args:
        module: The architecture.
        start: ``[clients, parameters]``: the weights to start from; left as they are, or taken over whole.
        data: All examples that the models will see, of the same clients.
        settings: How they are trained; weight decay moves every row of a table, so that none can be left out.
    """
    if not module.word_embeddings or settings.weight_decay > 0:
        return CutDown(module, start, data, module, start, None)
    texts = data[0].inputs[0].cpu().numpy()
    clients = range(len(start))
    seen = [[texts[part.clients[client]].ravel() for part in data] for client in clients]
    # Padding is number 0 before and after: it sorts first, and models know it by its number.
    words = [np.unique(np.concatenate([[PADDING], *own])) for own in seen]
    table = np.full((len(words), max(map(len, words))), PADDING)
    for client, own in enumerate(words):
        table[client, : len(own)] = own
    kept = torch.as_tensor(table, device=start.device)
    smaller = module.with_words(table.shape[1])
    parameters = module.parameters(start)
    for name in module.word_embeddings:
        rows = torch.arange(len(start), device=start.device)[:, None]
        parameters[name] = parameters[name][rows, kept]
    renumbered = [_renumber(part, words, texts) for part in data]
    return CutDown(smaller, smaller.rows(parameters), renumbered, module, start, kept)


def _renumber(data: CohortData, words: Sequence[NDArray[np.int64]], texts: NDArray[np.int64]) -> CohortData:
    """Copy out each client's examples, with its words numbered by their places among its own."""
    rows = np.concatenate(data.clients)
    numbered = [np.searchsorted(own, texts[client]) for own, client in zip(words, data.clients, strict=True)]
    where = torch.as_tensor(rows, device=data.labels.device)
    first = torch.as_tensor(np.concatenate(numbered)).to(data.inputs[0])
    ends = np.cumsum([len(client) for client in data.clients])[:-1]
    return CohortData(
        inputs=(first, *(part[where] for part in data.inputs[1:])),
        labels=data.labels[where],
        clients=np.split(np.arange(len(rows)), ends),
    )
