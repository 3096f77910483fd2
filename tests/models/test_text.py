import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence

from fedexperts.errors import UserError
from fedexperts.models.architecture import initial_parameters
from fedexperts.models.inputs import InputSpec
from fedexperts.models.recurrence import lstm_states
from fedexperts.models.text import BiLSTMEncoder, MeanEmbedding, bag_of_embeddings, bilstm, reverse_words
from fedexperts.parameters import OptimizerSettings
from fedexperts.training.cohort import train
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule

WORDS, SIZE, UNITS = 30, 6, 5
PAPER = InputSpec((64,), vocabulary=10_002)
SMALL = InputSpec((9,), vocabulary=WORDS)

TEXTS = torch.tensor(
    [
        [4, 5, 6, 7, 8, 9, 2, 3, 4],  # as long as can be
        [9, 8, 7, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 0],  # one word
        [3, 3, 5, 3, 0, 0, 0, 0, 0],
    ]
)


def count(module):
    return sum(weight.numel() for weight in module.parameters())


def reference(encoder):
    """PyTorch's own LSTM with the weights of an encoder."""
    lstm = nn.LSTM(SIZE, UNITS, batch_first=True, bidirectional=True).double()
    for direction, suffix in enumerate(("", "_reverse")):
        weights = {
            "weight_ih_l0": encoder.input_weight[direction].T,
            "weight_hh_l0": encoder.recurrent_weight[direction].T,
            "bias_ih_l0": encoder.input_bias[direction],
            "bias_hh_l0": encoder.recurrent_bias[direction],
        }
        for name, value in weights.items():
            getattr(lstm, name + suffix).data.copy_(value)
    return lstm


def encode_packed(lstm, embedding, texts):
    """The last states of PyTorch's LSTM on packed sequences, ``[texts, 2 * units]``."""
    lengths = (texts != 0).sum(dim=1)
    packed = pack_padded_sequence(embedding(texts), lengths, batch_first=True, enforce_sorted=False)
    final, _ = lstm(packed)[1]
    return torch.cat([final[0], final[1]], dim=-1)


@pytest.fixture
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BiLSTMEncoder(WORDS, SIZE, UNITS).double()


@pytest.fixture
def models():
    """Weights of three small networks, in double precision, stacked."""
    drawn = [initial_parameters(lambda: bilstm(SMALL, 4), 0, "test", model) for model in range(3)]
    return {name: torch.stack([weights[name] for weights in drawn]).double() for name in drawn[0]}


class TestBiLSTM:
    @pytest.mark.parametrize(("outputs", "parameters"), [(4, 1_085_708), (1, 1_085_321)])
    def test_has_the_papers_number_of_parameters(self, outputs, parameters):
        assert count(bilstm(PAPER, outputs)) == parameters

    def test_its_parameters_say_what_they_are(self):
        names = {name for name, _ in bilstm(SMALL, 4).named_parameters()}
        assert {"encoder.embedding.weight", "encoder.recurrent_weight", "output.bias"} <= names

    def test_gives_what_torch_gives_for_packed_sequences(self, encoder):
        expected = encode_packed(reference(encoder), encoder.embedding, TEXTS)
        torch.testing.assert_close(encoder(TEXTS), expected, rtol=0, atol=1e-12)

    def test_has_the_gradients_that_torch_has_for_packed_sequences(self, encoder):
        lstm = reference(encoder)
        how_much = torch.linspace(-1, 1, len(TEXTS) * 2 * UNITS, dtype=torch.float64).view(len(TEXTS), -1)
        own = list(encoder.parameters())
        gradients = dict(
            zip(
                [name for name, _ in encoder.named_parameters()],
                torch.autograd.grad((encoder(TEXTS) * how_much).sum(), own),
                strict=True,
            )
        )
        (encode_packed(lstm, encoder.embedding, TEXTS) * how_much).sum().backward()
        for direction, suffix in enumerate(("", "_reverse")):
            expected = {
                "input_weight": getattr(lstm, "weight_ih_l0" + suffix).grad.T,
                "recurrent_weight": getattr(lstm, "weight_hh_l0" + suffix).grad.T,
                "input_bias": getattr(lstm, "bias_ih_l0" + suffix).grad,
                "recurrent_bias": getattr(lstm, "bias_hh_l0" + suffix).grad,
            }
            for name, value in expected.items():
                torch.testing.assert_close(gradients[name][direction], value, rtol=0, atol=1e-12)
        torch.testing.assert_close(
            gradients["embedding.weight"], encoder.embedding.weight.grad, rtol=0, atol=1e-12
        )

    def test_more_padding_changes_nothing(self, encoder):
        longer = torch.cat([TEXTS, torch.zeros(len(TEXTS), 7, dtype=torch.int64)], dim=1)
        assert torch.equal(encoder(longer), encoder(TEXTS))

    def test_what_padding_is_embedded_as_does_not_matter(self, encoder):
        before = encoder(TEXTS)
        encoder.embedding.weight.data[0] = 17.0
        assert torch.equal(encoder(TEXTS), before)

    def test_a_text_without_words_is_finite_and_moves_no_weight(self, encoder):
        empty = torch.zeros(2, 9, dtype=torch.int64)
        encoded = encoder(empty)
        assert torch.equal(encoded, torch.zeros(2, 2 * UNITS, dtype=torch.float64))
        for gradient in torch.autograd.grad(encoded.sum(), list(encoder.parameters())):
            assert torch.equal(gradient, torch.zeros_like(gradient))

    def test_stacked_models_give_what_each_gives_alone(self, models):
        texts = torch.stack([TEXTS, TEXTS.flip(0), TEXTS])
        stacked = StackedModule(bilstm(SMALL, 4).double())
        rows = stacked.rows(models).requires_grad_()
        outputs = stacked(rows, (texts,))
        (gradient,) = torch.autograd.grad(outputs.square().sum(), rows)
        by_name = stacked.parameters(gradient)
        for position in range(3):
            own = {name: value[position].clone().requires_grad_() for name, value in models.items()}
            alone = functional_call(bilstm(SMALL, 4).double(), own, (texts[position],))
            torch.testing.assert_close(outputs[position], alone, rtol=0, atol=1e-12)
            gradients = torch.autograd.grad(alone.square().sum(), list(own.values()))
            for name, expected in zip(own, gradients, strict=True):
                torch.testing.assert_close(by_name[name][position], expected, rtol=0, atol=1e-12)

    def test_learns_in_the_engine_and_never_moves_padding(self, models):
        module = StackedModule(bilstm(SMALL, 4).double())
        rows = module.rows(models)
        labels = torch.tensor([0, 1, 2, 3])
        data = CohortData((TEXTS,), labels, [np.arange(4), np.arange(3), np.arange(2)])
        settings = OptimizerSettings(optimizer="adam", learning_rate=0.01, batch_size=3)
        streams = [np.random.default_rng(client) for client in range(3)]
        trained = train(module, rows, data, settings, streams, epochs=60)
        assert (trained.losses < 0.2).all()
        embedding = module.parameters(trained.rows)["encoder.embedding.weight"]
        assert torch.equal(embedding[:, 0], torch.zeros(3, SIZE_OF_PAPER, dtype=torch.float64))
        unseen = sorted(set(range(WORDS)) - set(TEXTS.flatten().tolist()))
        assert torch.equal(embedding[:, unseen], models["encoder.embedding.weight"][:, unseen])

    def test_starts_anew_from_its_own_stream(self):
        first, again, other = (
            initial_parameters(lambda: bilstm(SMALL, 4), 0, "test", client) for client in (1, 1, 2)
        )
        for name, value in first.items():
            assert torch.equal(value, again[name])
            assert not torch.equal(value, other[name])
        assert torch.equal(first["encoder.embedding.weight"][0], torch.zeros(SIZE_OF_PAPER))
        assert first["encoder.recurrent_weight"].abs().max() <= 1 / 8

    def test_refuses_what_is_no_text(self):
        with pytest.raises(UserError, match=r"'bilstm' needs texts .* numbers of the shape \(3, 32, 32\)"):
            bilstm(InputSpec((3, 32, 32)), 4)


SIZE_OF_PAPER = 100


class TestRecurrence:
    def test_its_gradient_is_right(self):
        stream = torch.Generator().manual_seed(1)
        projected = torch.randn(2, 4, 3, 12, dtype=torch.float64, generator=stream, requires_grad=True)
        recurrent = torch.randn(2, 3, 12, dtype=torch.float64, generator=stream, requires_grad=True)
        assert torch.autograd.gradcheck(lstm_states, (projected, recurrent))

    @pytest.mark.parametrize("shared", [0, 1])
    def test_stacked_models_may_share_an_argument(self, shared):
        stream = torch.Generator().manual_seed(1)
        arguments = [
            torch.randn(5, 2, 4, 3, 12, dtype=torch.float64, generator=stream),
            torch.randn(5, 2, 3, 12, dtype=torch.float64, generator=stream),
        ]
        arguments[shared] = arguments[shared][0]
        axes = [0, 0]
        axes[shared] = None
        stacked = torch.func.vmap(lstm_states, in_dims=tuple(axes))(*arguments)
        for model in range(5):
            own = [part if axis is None else part[model] for part, axis in zip(arguments, axes, strict=True)]
            torch.testing.assert_close(stacked[model], lstm_states(*own), rtol=0, atol=1e-14)

    def test_a_single_step_has_no_gradient_for_the_recurrent_weights(self):
        projected = torch.ones(1, 1, 2, 8, dtype=torch.float64, requires_grad=True)
        recurrent = torch.ones(1, 2, 8, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lstm_states, (projected, recurrent))


class TestReverseWords:
    def test_leaves_padding_behind(self):
        texts = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 7], [8, 0, 0, 0], [0, 0, 0, 0]])
        turned = reverse_words(texts, torch.tensor([3, 4, 1, 0]))
        assert turned.tolist() == [[3, 2, 1, 0], [7, 6, 5, 4], [8, 0, 0, 0], [0, 0, 0, 0]]


class TestBagOfEmbeddings:
    def test_is_the_mean_of_the_words(self):
        module = MeanEmbedding(WORDS, SIZE)
        module.embedding.weight.data[0] = 17.0  # padding does not count, whatever it is
        encoded = module(TEXTS)
        for text, code in zip(TEXTS, encoded, strict=True):
            torch.testing.assert_close(code, module.embedding.weight[text[text != 0]].mean(dim=0))

    def test_a_text_without_words_is_zero(self):
        empty = torch.zeros(1, 9, dtype=torch.int64)
        assert torch.equal(MeanEmbedding(WORDS, SIZE)(empty), torch.zeros(1, SIZE))

    def test_has_an_embedding_and_a_dense_layer(self):
        assert count(bag_of_embeddings(PAPER, 4)) == 10_002 * 100 + 101 * 4

    def test_can_be_stacked(self):
        drawn = [initial_parameters(lambda: bag_of_embeddings(SMALL, 4), 0, "test", i) for i in range(2)]
        stacked = StackedModule(bag_of_embeddings(SMALL, 4))
        rows = stacked.rows({name: torch.stack([own[name] for own in drawn]) for name in drawn[0]})
        outputs = stacked(rows, (torch.stack([TEXTS, TEXTS]),))
        for own, output in zip(drawn, outputs, strict=True):
            alone = functional_call(bag_of_embeddings(SMALL, 4), own, (TEXTS,))
            torch.testing.assert_close(output, alone)

    def test_refuses_what_is_no_text(self):
        with pytest.raises(UserError, match="'bag_of_embeddings' needs texts"):
            bag_of_embeddings(InputSpec((13,)), 4)
