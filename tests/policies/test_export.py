"""The files are what their source says, byte for byte, and the benchmark's networks make sense."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from policies.export import dense, to_bytes
from policies.schedules import SCHEDULES
from router.actions import CROSS, IMPROVE, JOIN, MID, NULL, WITHDRAW, A, Choice, choose, encode
from router.features import S
from router.policy import Listed, Policy, load, read_policies


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_shipped_file_is_rebuilt_byte_for_byte(name: str, repository: Path) -> None:
    shipped = (repository / "policies" / "artifacts" / f"{name}.onnx").read_bytes()
    assert to_bytes(SCHEDULES[name]()) == shipped


def test_the_list_names_every_shipped_file_and_its_hash(repository: Path) -> None:
    listed = {p.file: p for p in read_policies(repository / "etc" / "policies.toml").policy}
    shipped = {p.name: p for p in (repository / "policies" / "artifacts").glob("*.onnx")}
    assert listed.keys() == shipped.keys()
    for name, path in shipped.items():
        assert listed[name].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {p.name: p.strategy for p in listed.values()} == {
        "twap": 1001, "almgren_chriss": 1002, "submit_and_leave": 1003,
    }


def network(path: Path, hidden: tuple[int, ...]) -> Policy:
    dense(hidden, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = Listed(name="net", file="net.onnx", sha256=digest, strategy=1, temperature=0.0)
    return load(path, {digest: entry})


@pytest.mark.parametrize("hidden", [(64, 64), (256, 256)])
def test_a_network_for_measuring_prefers_trading_to_nothing(tmp_path: Path, hidden: tuple[int, ...]) -> None:
    policy = network(tmp_path / "net.onnx", hidden)
    rng = np.random.default_rng(1)
    for wanted, allowed in [
        (encode(2, CROSS), range(A)),
        (encode(5, CROSS), [NULL, WITHDRAW, encode(5, CROSS), encode(5, CROSS, 2), encode(10, JOIN)]),
        (encode(100, JOIN), [NULL, WITHDRAW, encode(100, JOIN), encode(2, IMPROVE)]),
        (encode(2, MID, 3), [NULL, encode(2, MID, 3)]),
        (NULL, [NULL]),
    ]:
        mask = np.zeros(A, np.bool_)
        mask[list(allowed)] = True
        state = rng.uniform(-10, 10, S).astype(np.float32)
        choice = choose(*policy.run(state, mask), mask, 0.0, 0, 0)
        assert isinstance(choice, Choice)
        assert choice.action == wanted


def test_a_network_depends_on_the_state_and_on_its_seed_only(tmp_path: Path) -> None:
    policy = network(tmp_path / "net.onnx", (64, 64))
    mask = np.ones(A, np.bool_)
    first = policy.run(np.zeros(S, np.float32), mask).logits.copy()
    assert not np.array_equal(first, policy.run(np.ones(S, np.float32), mask).logits)
    assert to_bytes(dense((8,), tmp_path / "a.onnx")) == to_bytes(dense((8,), tmp_path / "b.onnx"))
    assert to_bytes(dense((8,), tmp_path / "a.onnx")) != to_bytes(dense((8,), tmp_path / "b.onnx", seed=2))
