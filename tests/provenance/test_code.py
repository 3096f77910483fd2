"""Checkpoints are told apart by the code, that of the user's own modules included."""

from __future__ import annotations

import torch

from fedexperts.provenance.code import describe_code, digest_modules


def test_the_users_own_module_counts_and_a_built_in_name_does_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "models_of_mine.py"
    module.write_text("width = 3")
    without, before = describe_code("lenet"), describe_code("lenet", "models_of_mine:net")
    module.write_text("width = 4")
    after = describe_code("lenet", "models_of_mine:net")
    assert len({found["code"] for found in (without, before, after)}) == 3
    assert describe_code("lenet", "mlp") == without == describe_code()
    assert without["torch"] == torch.__version__.split("+")[0] or without["torch"] == torch.__version__


def test_every_module_has_a_digest_of_its_own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "models_of_mine.py").write_text("width = 3")
    found = digest_modules("lenet", "models_of_mine:net", "models_of_mine:gate")
    assert list(found) == ["fedexperts", "models_of_mine"]
    assert digest_modules("mlp") == {"fedexperts": found["fedexperts"]}
