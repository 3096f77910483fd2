"""The same with this project's engine in two worker processes, as the pipelines use two cores."""

from __future__ import annotations

import torch

from benchmarks.peers import own, task


def main() -> None:
    """Compute the rounds."""
    torch.set_num_threads(1)
    own.train_rounds(task.rounds(), task.CLIENTS_PER_ROUND, processes=2)


if __name__ == "__main__":
    main()
