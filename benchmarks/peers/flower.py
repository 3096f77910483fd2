"""The same with Flower's simulation, after its quickstart for PyTorch."""

from __future__ import annotations

import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers import task

CORES = 2

client_app = ClientApp()
server_app = ServerApp()


@client_app.train()
def train(message: Message, context: Context) -> Message:
    """Train the model on one client's data."""
    torch.set_num_threads(1)
    model = task.network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    data, client = task.load(), context.node_config["partition-id"]
    examples = TensorDataset(data.images[client], data.labels[client])
    batches = DataLoader(examples, batch_size=task.BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=message.content["config"]["lr"])
    for _ in range(task.LOCAL_EPOCHS):
        for images, labels in batches:
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    content = {
        "arrays": ArrayRecord(model.state_dict()),
        "metrics": MetricRecord({"num-examples": len(examples)}),
    }
    return Message(content=RecordDict(content), reply_to=message)


@server_app.main()
def serve(grid: Grid, _context: Context) -> None:
    """Sample clients and average their models."""
    strategy = FedAvg(fraction_train=task.CLIENTS_PER_ROUND / task.CLIENTS, fraction_evaluate=0.0)
    strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord(task.network().state_dict()),
        train_config=ConfigRecord({"lr": task.LEARNING_RATE}),
        num_rounds=task.rounds(),
    )


def main() -> None:
    """Compute the rounds, with a process of one thread for each core."""
    run_simulation(
        server_app=server_app,
        client_app=client_app,
        num_supernodes=task.CLIENTS,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": CORES},
        },
    )


if __name__ == "__main__":
    main()
