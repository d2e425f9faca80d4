"""`fixsim load`: one fixsim process under many sessions and many orders, and how long its answers take.

The venues run as they always do, in a process of their own, on wall time; other processes are their clients
(client.py), who send at a given rate whatever comes back. plan.py is what they send, figures.py what is said
of it.
"""

from __future__ import annotations

from dataclasses import dataclass


class LoadError(RuntimeError):
    """The run could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the venues: messages (D, F, G) a second over all sessions, for so many seconds."""

    sessions: int = 200
    rate: int = 20_000
    seconds: float = 60.0
    clients: int = 1
    """Processes that are clients."""
