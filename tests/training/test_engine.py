"""How clients are parted into chunks, and what happens when memory does not suffice."""

from __future__ import annotations

import multiprocessing

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.errors import UserError, is_out_of_memory
from fedexperts.parameters import EngineSettings
from fedexperts.training import engine
from fedexperts.training.engine import Engine, chunks, halving, open_engine
from fedexperts.training.workers import usable_cores

CPU = torch.device("cpu")
LENET = 62_006
BILSTM = 1_085_708


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.integers(1, 70))
def test_chunks_hold_every_client_once_and_share_the_work(lengths, size):
    parts = chunks(lengths, size)
    assert sorted(position for part in parts for position in part) == list(range(len(lengths)))
    sizes = [len(part) for part in parts]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-len(lengths) // size)
    # dealt like cards, longest first: no chunk has more than the longest client above any other
    work = [sum(lengths[position] for position in part) for part in parts]
    assert max(work) - min(work) <= max(lengths)


@given(st.integers(1, 2000), st.sampled_from([100, LENET, BILSTM, 10**9]))
def test_the_automatic_size_depends_on_nothing_but_clients_and_model(clients, parameters):
    size = Engine(CPU).size_for(clients, parameters)
    assert 1 <= size <= clients
    assert all(Engine(CPU, None, workers).size_for(clients, parameters) == size for workers in (2, 8))


def test_sizes_worked_out_by_hand():
    of = Engine(CPU)
    # a small cohort is halved for two cores; a large one keeps to the width that is fastest
    assert [of.size_for(clients, LENET) for clients in (1, 2, 5, 20, 50, 1000)] == [1, 1, 3, 10, 25, 25]
    # nine copies of the weights in float32 within 512 MiB
    assert of.size_for(1000, BILSTM) == 2**29 // (9 * 4 * BILSTM) == 13
    assert of.size_for(5, 10**9) == 1
    assert Engine(CPU, chunk_size=7).size_for(1000, 10**9) == 7
    assert Engine(CPU, chunk_size=7).size_for(3, LENET) == 3


def limited(limit, error):
    """A computation that has memory for so many clients and no more."""
    asked = []

    def compute(positions):
        asked.append(list(positions))
        if len(positions) > limit:
            raise error
        return sum(positions)

    return compute, asked


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.11 GB, other allocations: 384.00 KB"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "mps", "python"],
)
def test_memory_that_does_not_suffice_halves_the_chunk(error, caplog):
    compute, asked = limited(3, error)
    found = list(halving(compute, [9, 4, 7, 1, 5, 0, 2]))
    assert found == [([9, 4], 13), ([7, 1], 8), ([5, 0, 2], 7)]
    assert asked[0] == [9, 4, 7, 1, 5, 0, 2]
    assert "7 clients together; trying 4" in caplog.text


def test_a_model_too_large_for_one_client_is_said_to_be():
    compute, _ = limited(0, MemoryError())
    with pytest.raises(UserError, match="single client"):
        list(halving(compute, [3, 4]))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    compute, asked = limited(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        list(halving(compute, [3, 4]))
    assert asked == [[3, 4]]


def test_a_real_allocation_that_fails_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def settings(**changes):
    return EngineSettings(**{"chunk_size": "auto", "workers": "auto", "checkpoint_every": "auto", **changes})


def test_settings_become_an_engine():
    assert open_engine("cpu", settings(chunk_size=4, workers=1)) == Engine(CPU, 4, 1)
    assert open_engine("cpu", settings()).workers in {1, usable_cores()}


def test_a_process_that_is_one_of_several_takes_one_core():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(usable_cores) == 1


def test_several_workers_where_none_can_be_forked_are_not_insisted_on(monkeypatch, caplog):
    monkeypatch.setattr(engine, "can_fork", lambda: False)
    assert open_engine("cpu", settings(workers=4)).workers == 1
    assert "instead of 4" in caplog.text
    caplog.clear()
    assert open_engine("cpu", settings()).workers == 1
    assert not caplog.text
