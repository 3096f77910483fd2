"""Where the computing is done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator


def resolve_device(name: str) -> torch.device:
    """Turn the setting ``device`` into a device.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"mps"``, or ``"auto"`` for the GPU if there is one and else the CPU.

    Raises:
        UserError: If the device that was asked for is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "cpu")
    if not available.get(name, False):
        found = ", ".join(device for device, there in available.items() if there)
        raise UserError(f"device is {name!r}, which this machine does not have; it has: {found}")
    return torch.device(name)


@contextmanager
def reproducibly() -> Iterator[None]:
    """Compute so that the same run gives the same bits again, for a while.

    On the CPU that takes the same number of threads, and one is best: the matrices of a client are too small
    to share out. On a GPU it takes deterministic convolutions in full precision.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)
