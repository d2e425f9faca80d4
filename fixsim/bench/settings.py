"""The settings of a router under measurement: one lit venue, the measured network, everything switched on.

Risk limits are the shipped ones but for the message rate, which a benchmark exceeds by its nature. Journal,
gate, sessions and grouping of syncs are as in etc/.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fixsim.demo.processes import DemoError, last_line, run_command

SYMBOL = "BTC-USD"
VENUE = "XLIT1"
ORDERS, MARKET_DATA, DESK, ROUTER = "SLUICE-OE", "SLUICE-MD", "DESK1", "SLUICE"
ACCOUNT = "ACCT1"
STRATEGY = 9001  # TargetStrategy(847)
HEARTBEAT_S = 3600
ORDERS_PER_S = 100_000

_ROUTER = """\
symbols = ["{symbol}"]

[daemon]
state_dir = "../var"
clordid_prefix = "SL1-"
clordid_block = 10000
seed = 1

[journal]
dir = "../var"
sync_interval_ms = 50
allocate_mib = 64
reserve_mib = 4

[control]
socket = "../control.sock"

[[control.operators]]
identity = "bench"
uid = "self"
roles = ["view"]

[oms]
host = "127.0.0.1"
port = {oms_port}
comp_id = "{router}"
desks = [{{ comp_id = "{desk}" }}]
heartbeat_s = {heartbeat_s}
logon_timeout_s = 10

[decision]
interval_ms = 3600000
min_event_interval_ms = 0

[policy]
deadline_ms = 1000
off_after = 3

[market_data]
stale_ms = 600000

[orders]
ack_timeout_ms = 10000
kill_timeout_ms = 5000
outbox_messages = 4096
reconnect_first_ms = 50
reconnect_cap_ms = 1000

[files]
venues = "venues.toml"
limits = "limits.toml"
instruments = "instruments.toml"
policies = "policies.toml"
"""
_VENUES = """\
[[venues]]
name = "{venue}"
slot = 0
kind = "lit"
host = "127.0.0.1"
port = {venue_port}
maker_fee_ppb = -10000
taker_fee_ppb = 30000
heartbeat_s = {heartbeat_s}
depth = 0
order_entry = {{ sender_comp_id = "{orders}", target_comp_id = "{venue}" }}
market_data = {{ sender_comp_id = "{market_data}", target_comp_id = "{venue}" }}
"""
_POLICIES = """\
directory = "."
provider = "cpu"

[[policy]]
name = "{name}"
file = "{name}.onnx"
sha256 = "{sha256}"
strategy = {strategy}
temperature = 0.0
"""


class BenchError(RuntimeError):
    """The benchmark cannot go on; the text names what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A folder with settings, ready for `router run`."""

    folder: Path
    name: str  # of the network
    oms_port: int

    @property
    def settings(self) -> Path:
        return self.folder / "etc" / "router.toml"

    @property
    def journal(self) -> Path:
        return self.folder / "var" / "router.journal"

    @property
    def log(self) -> Path:
        return self.folder / "router.log"


def title(sizes: Sequence[int]) -> str:
    return "×".join(str(size) for size in sizes)


def prepare(folder: Path, etc: Path, sizes: Sequence[int], venue_port: int, oms_port: int) -> Setup:
    """Write the settings into `folder`, with a dense network of these sizes. `etc`: the shipped ones."""
    made = folder / "etc"
    made.mkdir(parents=True)
    (folder / "var").mkdir()
    name = "dense_" + "x".join(str(size) for size in sizes)
    network = made / f"{name}.onnx"
    log = folder / "policies.log"
    words = [str(size) for size in sizes]
    # A policy reaches this package as a file only: the command of the package above makes it.
    try:
        status = run_command(["policies", "dense", *words, "--out", str(network)], log)
    except OSError as error:
        raise DemoError(f"policies: {error}") from None
    if status:
        raise BenchError(f"policies dense: {last_line(log)}")
    values = {
        "symbol": SYMBOL, "venue": VENUE, "orders": ORDERS, "market_data": MARKET_DATA, "desk": DESK,
        "router": ROUTER, "strategy": STRATEGY, "heartbeat_s": HEARTBEAT_S, "name": name,
        "oms_port": oms_port, "venue_port": venue_port,
        "sha256": hashlib.sha256(network.read_bytes()).hexdigest(),
    }  # fmt: skip
    (made / "router.toml").write_text(_ROUTER.format(**values))
    (made / "venues.toml").write_text(_VENUES.format(**values))
    (made / "policies.toml").write_text(_POLICIES.format(**values))
    today = datetime.now(UTC).date()
    _adapt(etc, made, "instruments.toml", "as_of", str(today))
    _adapt(etc, made, "limits.toml", "max_new_orders_per_s", str(ORDERS_PER_S))
    return Setup(folder, name, oms_port)


def _adapt(etc: Path, made: Path, file: str, name: str, value: str) -> None:
    """A shipped file with one value changed."""
    try:
        text = (etc / file).read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{etc / file}: cannot be read: {error.strerror}") from None
    text, found = re.subn(rf"(?m)^({name}\s*=\s*)[^\s#]+", rf"\g<1>{value}", text)
    if found != 1:
        raise BenchError(f"{etc / file}: {name}: expected once, found {found} times")
    (made / file).write_text(text, encoding="utf-8")
