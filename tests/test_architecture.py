"""The layering holds, and each contract is shown to catch what it forbids."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = ("risk", "router", "fixsim", "policies")


@dataclass(frozen=True, slots=True)
class Planted:
    """One forbidden import, put into a copy of the tree."""

    contract: str
    module: str  # path below the root
    line: str


PLANTED = [
    Planted("packages: policies -> fixsim -> router -> risk", "risk/__init__.py", "import router"),
    Planted("packages: policies -> fixsim -> router -> risk", "router/__init__.py", "import fixsim"),
    Planted("packages: policies -> fixsim -> router -> risk", "router/fix/__init__.py", "import policies"),
    Planted("packages: policies -> fixsim -> router -> risk", "fixsim/__init__.py", "import policies"),
    Planted("router: layers", "router/fix/__init__.py", "import router.engine"),
    Planted("router: layers", "router/orders.py", "import router.tick"),
    Planted("router: layers", "router/tick.py", "import router.policy"),
    Planted("router: layers", "router/engine.py", "import router.app"),
    Planted("router: layers", "router/nowhere.py", "import json"),  # a room without a place
    Planted("pure: no clock, no I/O, no chance, no model", "risk/__init__.py", "import time"),
    Planted("pure: no clock, no I/O, no chance, no model", "router/fix/__init__.py", "import asyncio"),
    Planted("pure: no clock, no I/O, no chance, no model", "router/feeds/__init__.py", "import socket"),
    Planted("pure: no clock, no I/O, no chance, no model", "fixsim/matching/__init__.py", "import random"),
    Planted("pure: no clock, no I/O, no chance, no model", "router/engine.py", "import onnxruntime"),
    Planted("pure: no clock, no I/O, no chance, no model", "fixsim/venue.py", "import random"),
    Planted("pure: no clock, no I/O, no chance, no model", "fixsim/flow/rng.py", "import random"),
    Planted("pure: no clock, no I/O, no chance, no model", "fixsim/faults/engine.py", "import time"),
    Planted("fixsim: layers", "fixsim/matching/market.py", "import fixsim.tape"),
    Planted("fixsim: layers", "fixsim/flow/source.py", "import fixsim.exchange"),
    Planted("fixsim: layers", "fixsim/nowhere.py", "import json"),  # a room without a place
    Planted("risk: the standard library and pydantic", "risk/__init__.py", "import numpy"),
    Planted("production: nothing from the extras", "router/__init__.py", "import plotly"),
]


def lint_imports(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages that lie in ``folder``, whatever is installed."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def contracts(root: Path) -> list[str]:
    """The names of the contracts in pyproject.toml, in order."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def copy_of(root: Path, folder: Path) -> Path:
    """The packages' sources and the contracts, without what compilers left beside them."""
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "*.xz")
        shutil.copytree(root / package, folder / package, ignore=ignore)
    shutil.copy(root / "pyproject.toml", folder)
    return folder


def test_every_contract_holds(repository: Path) -> None:
    result = lint_imports(repository)
    assert result.returncode == 0, result.stdout + result.stderr
    for name in contracts(repository):
        assert re.search(re.escape(name) + r"\s+KEPT", result.stdout)


def test_every_contract_has_a_planted_violation(repository: Path) -> None:
    assert {planted.contract for planted in PLANTED} == set(contracts(repository))


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p.module}: {p.line}")
def test_a_planted_violation_is_caught(repository: Path, tmp_path: Path, planted: Planted) -> None:
    copy = copy_of(repository, tmp_path)
    target = copy / planted.module
    with target.open("a") as source:
        source.write(f"\n{planted.line}\n")

    result = lint_imports(copy)

    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(re.escape(planted.contract) + r"\s+BROKEN", result.stdout), result.stdout
