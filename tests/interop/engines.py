"""The FIX engines of others that ours is tried against, and their settings: both read QuickFIX's INI dialect.

They run in processes of their own: fixcore-engine with our interpreter (it is pure Python, and locked with
the tests), QuickFIX with that of build/interop, which `make interop` makes. Both hold what we send against
their own dictionaries as strictly as they can, and answer a fault with a Reject, which no test here allows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUICKFIX = ROOT / "build" / "interop" / "bin" / "python"
PEERS = Path(__file__).parent / "peers"

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
SPEC = {"FIX.4.2": "FIX42.xml", "FIX.4.4": "FIX44.xml", "FIX.5.0SP2": "FIX50SP2.xml"}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine: its interpreter, the script that it runs, where its dictionaries lie, its own settings."""

    name: str
    python: Path
    script: Path
    specifications: str
    settings: Mapping[str, str]

    def dictionaries(self, version: str) -> dict[str, str]:
        spec = self.specifications + SPEC[version]
        if version == "FIX.5.0SP2":
            transport = self.specifications + "FIXT11.xml"
            return {
                "TransportDataDictionary": transport,
                "AppDataDictionary": spec,
                "DefaultApplVerID": "FIX.5.0SP2",
            }
        return {"DataDictionary": spec}


FIXCORE = Engine(
    "fixcore",
    Path(sys.executable),
    PEERS / "fixcore_peer.py",
    "",
    {
        "ValidateFieldsOutOfRange": "Y",
        "ValidateFieldsHaveValues": "Y",
        "ValidateUserDefinedFields": "Y",
        "CheckLatency": "Y",
        "MaxLatency": "120",
        "EnableLastMsgSeqNumProcessed": "Y",
    },
)
QUICKFIX_ENGINE = Engine(
    "quickfix",
    QUICKFIX,
    PEERS / "quickfix_peer.py",
    "SPECIFICATIONS/",
    {
        "ValidateFieldsOutOfOrder": "Y",
        "ValidateFieldsHaveValues": "Y",
        "ValidateUserDefinedFields": "Y",
        "AllowUnknownMsgFields": "N",
        "SocketNodelay": "Y",
        "SocketReuseAddress": "Y",
    },
)
ENGINES = (FIXCORE, QUICKFIX_ENGINE)


def settings_text(
    engine: Engine,
    role: str,
    port: int,
    folder: Path,
    sessions: Mapping[tuple[str, str], str],
    extra: Mapping[str, str],
) -> str:
    """The engine's settings. `sessions`: the version of each (SenderCompID, TargetCompID), seen from it."""
    where = {"SocketConnectHost": "127.0.0.1", "SocketConnectPort": str(port)}
    if role == "acceptor":
        where = {"SocketAcceptHost": "127.0.0.1", "SocketAcceptPort": str(port)}
    default = {
        "ConnectionType": role,
        "NonStopSession": "Y",
        "HeartBtInt": "30",
        "ReconnectInterval": "1",
        "FileStorePath": str(folder / "store"),
        "FileLogPath": str(folder / "log"),
        "UseDataDictionary": "Y",
        **where,
        **engine.settings,
        **extra,
    }
    lines = ["[DEFAULT]", *(f"{name}={value}" for name, value in default.items())]
    for (sender, target), version in sessions.items():
        begin = "FIXT.1.1" if version == "FIX.5.0SP2" else version
        own = {"BeginString": begin, "SenderCompID": sender, "TargetCompID": target}
        own |= engine.dictionaries(version)
        lines += ["[SESSION]", *(f"{name}={value}" for name, value in own.items())]
    return "\n".join(lines) + "\n"
