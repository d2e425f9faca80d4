"""Every kernel's module is found and warmed, once."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from fixsim import warm


def test_the_walk_finds_rooms_and_leaves_out_what_would_run() -> None:
    names = list(warm.module_names())
    assert len(names) == len(set(names))
    some = {"risk.gate", "router.book", "router.fix.codec", "fixsim.matching.market", "policies.schedules"}
    assert some <= set(names)
    assert not any(name.endswith(".__main__") or name == "fixsim.warm" for name in names)


def test_only_a_modules_own_warm_counts() -> None:
    module = ModuleType("somewhere")
    module.warm = importlib.import_module("router.book").warm  # type: ignore[attr-defined]
    assert warm.warm_of(module) is None
    assert warm.warm_of(importlib.import_module("router.book")) is not None


def test_warming_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert warm.main() == 0
    assert "router.book" in capsys.readouterr().err


@pytest.mark.parametrize(
    "source", ["@part\ndef", "@aside\ndef", "@cold\ndef", "from enum import IntEnum, IntFlag"]
)
def test_whatever_kernels_are_made_of_counts(tmp_path: Path, source: str) -> None:
    (tmp_path / "some.py").write_text(f"{source} f\n")
    assert warm.forget_stale([tmp_path])
    (tmp_path / "some.py").write_text(f"{source} f  # changed\n")
    assert warm.forget_stale([tmp_path])


def test_a_changed_kernel_drops_every_cached_kernel(tmp_path: Path) -> None:
    source, cached = tmp_path / "kernels.py", tmp_path / "__pycache__" / "other.nbi"
    source.write_text("from numba import njit\n")
    (tmp_path / "plain.py").write_text("x = 1\n")
    assert warm.forget_stale([tmp_path])
    cached.write_bytes(b"")
    assert not warm.forget_stale([tmp_path])
    (tmp_path / "plain.py").write_text("x = 2\n")
    assert not warm.forget_stale([tmp_path])
    assert cached.exists()
    source.write_text("from numba import njit  # changed\n")
    assert warm.forget_stale([tmp_path])
    assert not cached.exists()
