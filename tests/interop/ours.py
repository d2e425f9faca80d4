"""`fixsim serve` and `router run` as real processes on the machine's clock, with settings for these tests.

The settings are etc/ as it ships, with free ports, the peers' CompIDs and versions, and limits on ages that
are loose enough for a venue which speaks only when a test makes it.
"""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import time
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from fixsim.demo.processes import Processes, run_command
from fixsim.demo.settings import free_ports
from router.control import ask

ETC = Path(__file__).parents[2] / "etc"
ANY = range(-64, 256)  # a test looks at exit statuses itself
START_S = 60.0  # kernels may have to be compiled first
VENUE, DARK, COMP_ID, SYMBOL = "XLIT1", "XDRK", "SLUICE", "BTC-USD"
Table = dict[str, Any]


class Ours(Processes):
    """What a test starts of ours, in `folder`, which must be new."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        (folder / "var").mkdir(parents=True)
        # A unix socket's path is short; a test's folder may not be.
        self.sockets = Path(tempfile.mkdtemp(prefix="sluice-"))
        self.fixsim_ports = free_ports(3)
        self.oms_port = free_ports(1)[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        shutil.rmtree(self.sockets, ignore_errors=True)

    # The exchange.

    def start_fixsim(self, clients: Mapping[str, str], **changes: Any) -> int:
        """The port of XLIT1. `clients`: versions by CompID; one that ends in -MD gets market data.

        The router's own sessions of etc/ are there too.
        """
        settings = read("fixsim.toml")
        settings["clock"] |= {"mode": "wall", "speed": 1.0}
        settings["record"] = str(self.folder / "fixsim.jsonl")
        settings["admin"] = {"socket": str(self.sockets / "fixsim.sock")}
        for venue, port in zip(settings["venue"], self.fixsim_ports, strict=True):
            venue["port"] = port
        own = settings["venue"][0]["clients"]
        for comp_id, version in clients.items():
            serves = "market-data" if comp_id.endswith("-MD") else "orders"
            own.append({"comp_id": comp_id, "serves": serves, **said(version)})
        write(self.folder / "fixsim.toml", settings | changes)
        self.again("fixsim")
        return self.fixsim_ports[0]

    # The router.

    def start_router(self, desks: list[Table], venues: list[Table]) -> int:
        """The port for desks. The tables are those of etc/router.toml and etc/venues.toml."""
        settings = read("router.toml")
        del settings["lockstep"]
        settings["daemon"]["state_dir"] = settings["journal"]["dir"] = str(self.folder / "var")
        settings["control"]["socket"] = str(self.sockets / "control.sock")
        settings["oms"]["port"] = self.oms_port
        settings["oms"]["desks"] = desks
        settings["decision"] |= {"interval_ms": 100, "min_event_interval_ms": 50}
        settings["market_data"]["stale_ms"] = 60_000
        settings["orders"] |= {"reconnect_first_ms": 100, "reconnect_cap_ms": 500}
        settings["files"]["instruments"] = str(ETC / "instruments.toml")
        limits = read("limits.toml")
        limits["market_data"] |= {
            "venue_max_silence_ms": 60_000,
            "consolidated_max_age_ms": 60_000,
            "last_sale_max_age_ms": 600_000,
        }
        limits["parent"] |= {"reference_max_age_ms": 60_000, "max_repeats_count": 100}
        limits["child"] |= {"max_share_of_parent_bp": 10_000, "max_repeats_count": 100}
        policies = read("policies.toml")
        policies["directory"] = str((ETC / policies["directory"]).resolve())
        write(self.folder / "limits.toml", limits)
        write(self.folder / "policies.toml", policies)
        write(self.folder / "venues.toml", {"venues": venues})
        write(self.folder / "router.toml", settings)
        self.again("router")
        return self.oms_port

    def admin(self, *command: str) -> None:
        """`fixsim admin`, which must succeed."""
        settings = ["--settings", str(self.folder / "fixsim.toml")]
        log = self.log_of("admin")
        assert run_command(["fixsim", "admin", *settings, *command], log) == 0, log.read_text()

    def at_fixsim(self) -> list[Table]:
        """The venues of etc/, which fixsim serves here."""
        venues: list[Table] = read("venues.toml")["venues"]
        for venue, port in zip(venues, self.fixsim_ports, strict=True):
            venue["port"] = port
        return venues

    def lit_at_fixsim(self, sender: str, version: str) -> list[Table]:
        """XLIT1 of the exchange alone, for another router that is there as `sender` and `sender`-MD."""
        venue = at_peer(self.fixsim_ports[0], version)
        for session, own in (("order_entry", sender), ("market_data", f"{sender}-MD")):
            venue[session]["sender_comp_id"] = own
        return [venue]

    # Both.

    def again(self, name: str) -> None:
        """Start it; after `kill` it finds what it had."""
        command = {"fixsim": ["fixsim", "serve"], "router": ["router", "run"]}[name]
        settings = self.folder / f"{name}.toml"
        self.start(name, [*command, "--settings", str(settings)], self.log_of(name), good=ANY)
        port = self.fixsim_ports[0] if name == "fixsim" else self.oms_port
        self.wait_listening(name, port, START_S)

    def freeze(self, name: str) -> None:
        """It does nothing from here on, but its connections stay: what comes is never read."""
        self._running[name].send_signal(signal.SIGSTOP)

    def end(self, name: str, within_s: float = 10.0) -> int:
        """SIGTERM, and its exit status."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(within_s)

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def answers(self, cmd: str) -> list[Table]:
        """What the router says to an operator's request."""
        told: list[Table] = []
        ask(self.sockets / "control.sock", {"cmd": cmd}, told.append)
        return told

    def wait_books(self, within_s: float = 20.0) -> None:
        """Until the router has a live book of every lit venue."""
        deadline_s = time.monotonic() + within_s
        while True:
            states = self.answers("status")[0]["books"][SYMBOL]["venues"]
            if all(state == "live" for venue, state in states.items() if venue != DARK):
                return
            assert time.monotonic() < deadline_s, f"not within {within_s:g} s: live books; {states}"
            time.sleep(0.05)


def at_peer(port: int, version: str, name: str = VENUE) -> Table:
    """A lit venue that somebody else's engine is, at `port`."""
    own = {"target_comp_id": name, **said(version)}
    return {
        "name": name,
        "slot": 0,
        "kind": "lit",
        "host": "127.0.0.1",
        "port": port,
        "maker_fee_ppb": 0,
        "taker_fee_ppb": 0,
        "heartbeat_s": 30,
        "depth": 0,
        "order_entry": {"sender_comp_id": "SLUICE-OE", **own},
        "market_data": {"sender_comp_id": "SLUICE-MD", **own},
    }


def said(version: str) -> Table:
    """A version as settings say it; FIX.4.4 needs no words."""
    return {} if version == "FIX.4.4" else {"version": version}


def read(name: str) -> Table:
    return tomllib.loads((ETC / name).read_text(encoding="utf-8"))


def write(path: Path, table: Table) -> None:
    """As TOML: the tables within are written inline, which a program reads as well."""
    path.write_text("".join(f"{_key(name)} = {_value(value)}\n" for name, value in table.items()), "utf-8")


def _key(name: str) -> str:
    return json.dumps(name)


def _value(value: object) -> str:
    match value:
        case bool() | int() | float() | str():
            return json.dumps(value)
        case datetime() | date():
            return value.isoformat()
        case list():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
    raise TypeError(f"{value!r} has no place in settings")
