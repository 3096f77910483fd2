"""What the engine has to equal: one model at a time, in the way every PyTorch tutorial trains it."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

OPTIMIZERS = {
    "adam": lambda weights, s: torch.optim.Adam(weights, s.learning_rate, weight_decay=s.weight_decay),
    "adamw": lambda weights, s: torch.optim.AdamW(weights, s.learning_rate, weight_decay=s.weight_decay),
    "sgd": lambda weights, s: torch.optim.SGD(
        weights, s.learning_rate, s.momentum, weight_decay=s.weight_decay
    ),
}


def load(module, weights):
    """A copy of the module with these weights."""
    model = copy.deepcopy(module)
    vector_to_parameters(weights.clone(), model.parameters())
    return model


def loss_of(model, data, rows):
    rows = torch.as_tensor(rows)
    outputs = model(*(part[rows] for part in data.inputs))
    return functional.nll_loss(functional.log_softmax(outputs, dim=1), data.labels[rows])


def measure(module, weights, data, rows):
    """Mean loss and accuracy of one model."""
    model, where = load(module, weights), torch.as_tensor(rows)
    with torch.no_grad():
        outputs = model(*(part[where] for part in data.inputs))
        right = (outputs.argmax(dim=1) == data.labels[where]).double().mean()
        return float(loss_of(model, data, rows)), float(right)


class Loop:
    """One client in training."""

    def __init__(self, module, weights, data, rows, settings, stream):
        self.model = load(module, weights)
        rated = [
            {"params": [weight], "lr": settings.rate_of(name)}
            for name, weight in self.model.named_parameters()
            if weight.requires_grad
        ]
        self.optimizer = OPTIMIZERS[settings.optimizer](rated, settings)
        self.data, self.rows, self.batch_size, self.stream = data, rows, settings.batch_size, stream
        self.start, self.proximal = weights.clone(), settings.proximal

    @property
    def weights(self):
        return parameters_to_vector(self.model.parameters()).detach().clone()

    def epoch(self):
        """Show the model every example once, and return the mean of their losses."""
        shuffled = self.stream.permutation(self.rows)
        losses = []
        for start in range(0, len(shuffled), self.batch_size):
            self.optimizer.zero_grad()
            batch = shuffled[start : start + self.batch_size]
            loss = loss_of(self.model, self.data, batch)
            moved = parameters_to_vector(self.model.parameters()) - self.start
            (loss + self.proximal / 2 * (moved**2).sum()).backward()
            self.optimizer.step()
            losses.append(loss.item() * len(batch))
        return sum(losses) / len(shuffled)


def train(module, weights, data, rows, settings, stream, epochs):
    """Train for some epochs; return the weights and the last epoch's loss."""
    loop = Loop(module, weights, data, rows, settings, stream)
    losses = [loop.epoch() for _ in range(epochs)]
    return loop.weights, losses[-1]


def train_until_stopped(module, weights, data, rows, held_out, settings, stream, *, max_epochs, patience):
    """Train with early stopping; return the best weights and all validation losses, epoch 0 first."""
    loop = Loop(module, weights, data, rows, settings, stream)
    kept = loop.weights
    losses = [measure(module, kept, data, held_out)[0]]
    for epoch in range(1, max_epochs + 1):
        loop.epoch()
        losses.append(measure(module, loop.weights, data, held_out)[0])
        best = losses.index(min(losses))
        if best == epoch:
            kept = loop.weights
        if epoch - best >= patience:
            break
    return kept, losses


def federated_round(module, weights, data, clients, settings, streams, epochs):
    """One round of FedAvg: every client trains the model it was sent, and the server averages."""
    total = sum(len(rows) for rows in clients)
    average = torch.zeros_like(weights)
    for rows, stream in zip(clients, streams, strict=True):
        own, _ = train(module, weights, data, rows, settings, stream, epochs)
        average += len(rows) / total * own
    return average
