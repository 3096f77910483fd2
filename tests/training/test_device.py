"""Where the computing is done."""

from __future__ import annotations

import pytest
import torch

from fedexperts.errors import UserError
from fedexperts.training.device import reproducibly, resolve_device

THERE = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def test_auto_is_the_gpu_if_there_is_one():
    assert resolve_device("auto").type == ("cuda" if THERE["cuda"] else "cpu")


@pytest.mark.parametrize("name", THERE)
def test_a_device_is_there_or_the_message_says_which_are(name):
    if THERE[name]:
        assert resolve_device(name).type == name
    else:
        with pytest.raises(UserError, match=rf"'{name}'.*it has: .*cpu"):
            resolve_device(name)


def test_one_thread_is_given_back_even_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), reproducibly():  # noqa: PT012 - the state inside is what counts
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
