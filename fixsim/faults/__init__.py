"""Faults on purpose: scripts that a person can read, and what they do to orders, reports, market data and
the wire."""

from __future__ import annotations

from fixsim.faults.engine import NEVER_NS, Act, Fate, Faults, Meeting, Passage, WireFate
from fixsim.faults.script import Fault, Script, load_script

__all__ = [
    "NEVER_NS",
    "Act",
    "Fate",
    "Fault",
    "Faults",
    "Meeting",
    "Passage",
    "Script",
    "WireFate",
    "load_script",
]
