"""Unfinished work is found again by what it depends on, and whatever is damaged is not used."""

from __future__ import annotations

import logging
import os
import shutil

import numpy as np
import pytest

from fedexperts.errors import UserError
from fedexperts.storage.checkpoints import Checkpoints

KEY = {"seed": "1", "data": "abc"}


def state(number):
    return {"weights": np.full(3, number)}, {"round": str(number)}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "unfinished", owner="first")


def test_the_last_step_is_found_by_the_same_key_and_two_are_kept(checkpoints):
    assert checkpoints.open("generalist", KEY).load_last_step() is None
    for number in (1, 2, 10):
        checkpoints.open("generalist", KEY).save_step(number, *state(number))
    arrays, text = (
        Checkpoints(checkpoints.folder, owner="second").open("generalist", dict(KEY)).load_last_step()
    )
    assert (arrays["weights"].tolist(), text) == ([10, 10, 10], {"round": "10"})
    assert len(list(checkpoints.folder.glob("*/step-*"))) == 2


def test_a_damaged_step_gives_way_to_the_one_before(checkpoints, caplog):
    opened = checkpoints.open("generalist", KEY)
    for number in (1, 2):
        opened.save_step(number, *state(number))
    (last,) = checkpoints.folder.glob("*/step-000000002*")
    last.write_bytes(last.read_bytes()[:-3])
    assert opened.load_last_step()[1] == {"round": "1"}
    assert last.name in caplog.text
    for file in checkpoints.folder.glob("*/step-*"):
        file.write_bytes(b"")
    assert opened.load_last_step() is None


def test_other_settings_do_not_apply_and_the_log_says_which(checkpoints, caplog):
    checkpoints.open("generalist", KEY).save_step(1, *state(1))
    with caplog.at_level(logging.INFO):
        other = checkpoints.open("generalist", {**KEY, "seed": "2", "new": "x"})
    assert other.load_last_step() is None
    assert "Starting generalist anew: unfinished work there differs in new, seed" in caplog.text
    assert checkpoints.open("generalist", KEY).load_last_step() is not None


def test_starting_anew_can_be_forced_and_refused(checkpoints):
    checkpoints.open("generalist", KEY).save_step(1, *state(1))
    anew = Checkpoints(checkpoints.folder, "second", "never").open("generalist", KEY)
    assert anew.load_last_step() is None
    required = Checkpoints(checkpoints.folder, "second", "required")
    with pytest.raises(UserError, match=r"no unfinished generalist to go on from.*resume=auto"):
        required.open("generalist", KEY)
    anew.save_step(2, *state(2))
    assert required.open("generalist", KEY).load_last_step()[1] == {"round": "2"}
    third = Checkpoints(checkpoints.folder, "third", "required")
    with pytest.raises(UserError, match="differs in data"):
        third.open("generalist", {**KEY, "data": "xyz"})


def test_what_comes_after_the_work_that_was_found_is_begun(checkpoints):
    checkpoints.open("generalist", KEY).save_step(1, *state(1))
    required = Checkpoints(checkpoints.folder, "second", "required")
    assert required.open("generalist", KEY).load_last_step() is not None
    assert required.open("locals", KEY).load("chunk") is None


def test_other_work_that_cannot_be_read_is_no_matter(checkpoints):
    checkpoints.open("generalist", KEY).save_step(1, *state(1))
    for file in checkpoints.folder.glob("*/key.json"):
        file.write_text("{")
    assert checkpoints.open("generalist", {"seed": "2"}).load_last_step() is None


def test_a_run_clears_away_what_it_opened_last_and_nothing_else(checkpoints):
    second = Checkpoints(checkpoints.folder, owner="second")
    for work in ("own", "taken over"):
        checkpoints.open(work, KEY).save(work, *state(1))
    assert second.open("taken over", KEY).load("taken over") is not None
    second.open("another", KEY).save("chunk", *state(3))
    checkpoints.release()
    assert {path.name.rsplit("-", 1)[0] for path in checkpoints.folder.iterdir()} == {"taken over", "another"}
    second.release()
    assert not checkpoints.folder.exists()


@pytest.mark.parametrize("write", [1, 2, 3])
def test_another_run_that_clears_the_same_work_away_stops_nobody(checkpoints, monkeypatch, write):
    opened = checkpoints.open("generalist", KEY)
    opened.save_step(1, *state(1))
    left, flush = iter(range(1, 9)), os.fsync

    def cleared_away_meanwhile(file):
        flush(file)
        if next(left) == write:
            shutil.rmtree(opened.folder)

    monkeypatch.setattr(os, "fsync", cleared_away_meanwhile)
    opened.save_step(2, *state(2))
    opened.save_step(3, *state(3))
    assert opened.load_last_step()[1] == {"round": "3"}


def test_work_that_is_cleared_away_while_it_is_read_is_begun_anew(checkpoints, monkeypatch):
    opened = checkpoints.open("generalist", KEY)
    opened.save_step(1, *state(1))
    monkeypatch.setattr(os, "fsync", lambda _: shutil.rmtree(opened.folder, ignore_errors=True))
    assert opened.load_last_step() is None


def test_nothing_is_made_before_something_is_stored(checkpoints):
    checkpoints.open("generalist", KEY)
    checkpoints.release()
    assert not checkpoints.folder.exists()
