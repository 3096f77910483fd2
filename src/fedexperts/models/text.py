"""Models of texts: rows of word numbers, with padding (0) behind the words."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fedexperts.examples import PADDING
from fedexperts.models.recurrence import lstm_states

if TYPE_CHECKING:
    from fedexperts.models.inputs import InputSpec

EMBEDDING = 100
UNITS = 64


def bilstm(inputs: InputSpec, outputs: int) -> nn.Module:
    """The paper's network for texts: embeddings of 100, an LSTM of 64 units each way, a dense layer.

    1,085,708 parameters with a vocabulary of 10,002 and four outputs, 1,085,321 with one (arXiv:2010.02056,
    section 4).

    Args:
        inputs: Texts.
        outputs: Values returned for each text, without an activation.

    Raises:
        UserError: If the inputs are no texts.
    """
    encoder = BiLSTMEncoder(inputs.word_count("bilstm"), EMBEDDING, UNITS)
    return nn.Sequential(OrderedDict(encoder=encoder, output=nn.Linear(2 * UNITS, outputs)))


def bag_of_embeddings(inputs: InputSpec, outputs: int) -> nn.Module:
    """The mean of the words' embeddings of 100, and a dense layer (Joulin et al., arXiv:1607.01759).

    Args:
        inputs: Texts.
        outputs: Values returned for each text, without an activation.

    Raises:
        UserError: If the inputs are no texts.
    """
    encoder = MeanEmbedding(inputs.word_count("bag_of_embeddings"), EMBEDDING)
    return nn.Sequential(OrderedDict(encoder=encoder, output=nn.Linear(EMBEDDING, outputs)))


class WordEmbedding(nn.Embedding):
    """Embeddings of the very numbers that a model is given.

    A model with this layer must use its texts for nothing but looking words up here and finding padding, so
    that training can renumber a client's words and leave out the rows of all others.

    Args:
        words: How many word numbers there are, padding among them.
        size: The size of an embedding.
    """

    def __init__(self, words: int, size: int) -> None:
        super().__init__(words, size, padding_idx=PADDING)


class MeanEmbedding(nn.Module):
    """The mean of the embeddings of a text's words; zero for a text without words.

    Args:
        words: How many word numbers there are, padding among them.
        size: The size of an embedding.
    """

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.embedding = WordEmbedding(words, size)

    def forward(self, texts: Tensor) -> Tensor:
        """From ``[texts, longest]`` to ``[texts, size]``."""
        real = (texts != PADDING).unsqueeze(-1)
        # Padding's embedding may not count, whatever it is: averaging and other training may have moved it.
        total = (self.embedding(texts) * real).sum(dim=-2)
        counted: Tensor = total / real.sum(dim=-2).clamp(min=1)
        return counted


class BiLSTMEncoder(nn.Module):
    """The last states of two LSTMs, one reading a text forwards and one backwards.

    The same as ``nn.LSTM(..., bidirectional=True)`` on packed sequences, in a form that can be computed for
    the stacked weights of many clients: both read forwards, the second one a text whose words were put in
    reverse order beforehand, and the state at a text's last word is taken, so that the padding behind it has
    no part.

    The weights are those of ``nn.LSTM`` transposed, with both directions along the first axis.

    Args:
        words: How many word numbers there are, padding among them.
        size: The size of an embedding.
        units: The size of a state.
    """

    def __init__(self, words: int, size: int, units: int) -> None:
        super().__init__()
        self.embedding = WordEmbedding(words, size)
        self.input_weight = nn.Parameter(torch.empty(2, size, 4 * units))
        self.recurrent_weight = nn.Parameter(torch.empty(2, units, 4 * units))
        self.input_bias = nn.Parameter(torch.empty(2, 4 * units))
        self.recurrent_bias = nn.Parameter(torch.empty(2, 4 * units))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the LSTMs' weights as ``nn.LSTM`` does; the embedding draws its own."""
        bound = 1 / math.sqrt(self.recurrent_weight.shape[1])
        for weight in (self.input_weight, self.recurrent_weight, self.input_bias, self.recurrent_bias):
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, texts: Tensor) -> Tensor:
        """From ``[texts, longest]`` to ``[texts, 2 * units]``; zero for a text without words."""
        lengths = (texts != PADDING).sum(dim=1)
        both_ways = torch.stack([texts, reverse_words(texts, lengths)])
        # [direction, word, text, ...]: one product for all words, then word by word.
        embedded = self.embedding(both_ways.transpose(1, 2))
        bias = (self.input_bias + self.recurrent_bias)[:, None]
        directions, longest, count, size = embedded.shape
        projected = torch.baddbmm(
            bias, embedded.reshape(directions, longest * count, size), self.input_weight
        )
        states = lstm_states(projected.reshape(directions, longest, count, -1), self.recurrent_weight)
        last = (lengths - 1).clamp(min=0)[None, None, :, None].expand(directions, 1, -1, states.shape[-1])
        final = states.gather(1, last)[:, 0] * (lengths > 0)[:, None]
        return torch.cat([final[0], final[1]], dim=-1)


def reverse_words(texts: Tensor, lengths: Tensor) -> Tensor:
    """Put the words of each text in reverse order, and leave its padding behind them.

    Args:
        texts: ``[texts, longest]``.
        lengths: ``[texts]``: how many words each has.
    """
    places = torch.arange(texts.shape[1], device=texts.device)
    mirrored = lengths[:, None] - 1 - places
    return texts.gather(1, torch.where(mirrored >= 0, mirrored, places))
