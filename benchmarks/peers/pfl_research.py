"""The same with Apple's pfl-research, after its benchmark for images."""

from __future__ import annotations

import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.aggregate.weighting import WeightByDatapoints
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.pytorch import PyTorchTensorDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam import NNEvalHyperParams, NNTrainHyperParams
from pfl.metrics import Weighted
from pfl.model.pytorch import PyTorchModel
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers import task


class Network(nn.Module):
    """The network with the two functions that the framework asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = task.network()

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean cross-entropy."""
        return functional.cross_entropy(self.layers(images), labels)

    @torch.no_grad()
    def metrics(self, images: Tensor, labels: Tensor) -> dict[str, Weighted]:
        """The same, summed up over examples; the framework asks for it in the first round."""
        total = functional.cross_entropy(self.layers(images), labels, reduction="sum").item()
        return {"loss": Weighted(total, len(labels))}


def main() -> None:
    """Compute the rounds."""
    torch.set_num_threads(1)
    data, rounds, network = task.load(), task.rounds(), Network()

    def of_client(client: int) -> PyTorchTensorDataset:
        return PyTorchTensorDataset((data.images[client], data.labels[client]), user_id=str(client))

    clients = FederatedDataset(of_client, get_user_sampler("random", range(task.CLIENTS)))
    model = PyTorchModel(
        model=network,
        local_optimizer_create=torch.optim.Adam,
        central_optimizer=torch.optim.SGD(network.parameters(), lr=1.0),
    )
    FederatedAveraging().run(
        algorithm_params=NNAlgorithmParams(
            central_num_iterations=rounds,
            evaluation_frequency=rounds + 1,
            train_cohort_size=task.CLIENTS_PER_ROUND,
            val_cohort_size=None,
        ),
        backend=SimulatedBackend(clients, clients, postprocessors=[WeightByDatapoints()]),
        model=model,
        model_train_params=NNTrainHyperParams(
            local_num_epochs=task.LOCAL_EPOCHS,
            local_learning_rate=task.LEARNING_RATE,
            local_batch_size=task.BATCH_SIZE,
        ),
        model_eval_params=NNEvalHyperParams(local_batch_size=None),
    )


if __name__ == "__main__":
    main()
