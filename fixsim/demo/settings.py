"""The settings of one demo run: etc/ copied beside its output, with free ports, its own folders and its pace.

The files stay as people wrote them, comments and all; only the values that one run must have for itself are
changed, each by name. A name that is not there is a fault of an edited etc/: SettingsError says which.
"""

from __future__ import annotations

import math
import re
import shutil
import socket
import tempfile
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import onnx

from risk.errors import SettingsError
from router.tca import Target

ROUTER, FIXSIM, VENUES, POLICIES = "router.toml", "fixsim.toml", "venues.toml", "policies.toml"
TITLES = {"twap": "TWAP", "almgren_chriss": "Almgren–Chriss", "submit_and_leave": "Submit and leave"}
SCHEDULE_POINTS = 240
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Policy:
    """An entry of etc/policies.toml, with what its file says of its schedule."""

    name: str
    strategy: int  # TargetStrategy(847)
    bucket: float | None  # None: it follows no schedule
    urgency: float | None  # of Almgren and Chriss, kappa times the horizon; None: a straight line

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name)

    def schedule(self, start_ns: int, end_ns: int, qty_lots: int) -> list[Target]:
        """How much should be done by when, as the policy's graph computes it; [] where there is none."""
        if self.bucket is None:
            return []
        points = []
        for step in range(SCHEDULE_POINTS + 1):
            left = 1 - step / SCHEDULE_POINTS
            open_share = math.sinh(self.urgency * left) / math.sinh(self.urgency) if self.urgency else left
            time_ns = start_ns + (end_ns - start_ns) * step // SCHEDULE_POINTS
            points.append(Target(time_ns, round(qty_lots * (1 - open_share))))
        return points


@dataclass(frozen=True, slots=True)
class Run:
    """Where one run's files lie, and what it is told."""

    folder: Path
    socket_folder: Path  # of the operator's socket; to be removed after the run
    policy: Policy
    seed: int
    speed: float
    symbol: str
    currency: str
    lots_per_unit: int

    @property
    def router_settings(self) -> Path:
        return self.folder / "etc" / ROUTER

    @property
    def fixsim_settings(self) -> Path:
        return self.folder / "etc" / FIXSIM

    @property
    def journal(self) -> Path:
        return self.folder / "var" / "router.journal"

    @property
    def record(self) -> Path:
        return self.folder / "fixsim.jsonl"

    @property
    def unit(self) -> str:
        return self.symbol.partition("-")[0]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def read_policies(etc: Path) -> dict[str, Policy]:
    """The policies that etc/policies.toml lists, by name."""
    table = _read(etc / POLICIES)
    folder = (etc / str(table["directory"])).resolve()
    policies = {}
    for entry in table["policy"]:
        about = {p.key: p.value for p in onnx.load(folder / entry["file"]).metadata_props}
        bucket, urgency = about.get("bucket"), about.get("urgency")
        policies[entry["name"]] = Policy(
            name=entry["name"],
            strategy=entry["strategy"],
            bucket=float(bucket) if bucket else None,
            urgency=float(urgency) if urgency else None,
        )
    return policies


def prepare(etc: Path, folder: Path, policy: Policy, speed: float) -> Run:
    """Write the settings of one run into ``folder``/etc, which is made afresh. SettingsError."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "var").mkdir(parents=True)
    shutil.copytree(etc, folder / "etc", ignore=shutil.ignore_patterns("*.service"))
    run_etc = folder / "etc"
    _renumber([run_etc / name for name in (ROUTER, FIXSIM, VENUES)])
    listed = _read(etc / POLICIES)
    artifacts = (etc / str(listed["directory"])).resolve()
    _put(run_etc / POLICIES, "directory", f'"{artifacts}"')
    # A unix socket's path is short; the run's folder may not be.
    socket_folder = Path(tempfile.mkdtemp(prefix="sluice-"))
    _put(run_etc / ROUTER, "socket", f'"{socket_folder / "control.sock"}"')
    _put(run_etc / FIXSIM, "record", f'"{(folder / "fixsim.jsonl").resolve()}"')
    _put(run_etc / FIXSIM, "speed", str(float(speed)))
    fixsim = _read(run_etc / FIXSIM)
    instruments = _read(run_etc / "instruments.toml")["instruments"]
    symbol = fixsim["instrument"]["symbol"]
    return Run(
        folder=folder,
        socket_folder=socket_folder,
        policy=policy,
        seed=fixsim["seed"],
        speed=speed,
        symbol=symbol,
        currency=instruments[symbol]["currency"],
        lots_per_unit=instruments[symbol]["lots_per_unit"],
    )


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def utc(time_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=time_ns // 1000)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None


def _put(path: Path, name: str, value: str) -> None:
    """Give the one setting ``name`` another value."""
    text = path.read_text(encoding="utf-8")
    pattern = re.compile(rf"^({re.escape(name)}\s*=\s*)(\"[^\"]*\"|[^\s#]+)", re.MULTILINE)
    found = pattern.findall(text)
    if len(found) != 1:
        raise SettingsError(f"{path}: {name}: the demo sets it, and expects it once, not {len(found)} times")
    path.write_text(pattern.sub(lambda match: match.group(1) + value, text), encoding="utf-8")


def _renumber(paths: list[Path]) -> None:
    """Every port in these files becomes a free one; the same number stays the same everywhere."""
    pattern = re.compile(r"^(port\s*=\s*)(\d+)", re.MULTILINE)
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    numbers = sorted({found[1] for text in texts.values() for found in pattern.findall(text)})
    free = dict(zip(numbers, free_ports(len(numbers)), strict=True))
    for path, text in texts.items():
        renumbered = pattern.sub(lambda match: f"{match[1]}{free[match[2]]}", text)
        path.write_text(renumbered, encoding="utf-8")
