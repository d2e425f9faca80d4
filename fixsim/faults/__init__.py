"""Faults on purpose: scripts that a person can read, and what they do to orders, reports and market data."""

from __future__ import annotations

from fixsim.faults.engine import Act, Fate, Faults, Meeting
from fixsim.faults.script import Fault, Script, load_script

__all__ = ["Act", "Fate", "Fault", "Faults", "Meeting", "Script", "load_script"]
