"""What a load's run comes to: rates, how long answers took, what the venue's process used."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fixsim.load import Load

_TICKS = os.sysconf("SC_CLK_TCK")
BEHIND_US = 1_000_000.0
_PAGE = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """Of a process, since it began: processor seconds, and what it holds in memory now."""

    cpu_s: float
    rss_bytes: int

    @classmethod
    def by(cls, pid: int) -> Used:
        """OSError if there is no such process."""
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls((int(stat[11]) + int(stat[12])) / _TICKS, int(stat[21]) * _PAGE)


@dataclass(frozen=True, slots=True)
class Figures:
    """`answers` are all reports, `percentiles_us` of the first one to each request."""

    load: Load
    sent: int
    answers: int
    unanswered: int
    lost: tuple[str, ...]
    took_s: float
    percentiles_us: dict[str, float]
    cpu_s: float
    growth_bytes: int
    rss_bytes: int

    @property
    def held(self) -> bool:
        """Every session stayed, every request was sent at the rate asked for, and was answered, nine of ten
        of them within a second: a venue that answers later than that is running behind.
        """
        return (
            not self.lost
            and not self.unanswered
            and self.sent >= 0.98 * self.load.rate * self.load.seconds
            and self.percentiles_us.get("p90", 0.0) <= BEHIND_US
        )

    @property
    def cpu_us(self) -> float:
        """Of the venue's processor, for each request."""
        return self.cpu_s / max(1, self.sent) * 1e6

    def lines(self) -> list[str]:
        load, most = self.load, 1e6 / max(self.cpu_us, 1e-9)
        told = ", ".join(f"{name} {us / 1000:.2f} ms" for name, us in self.percentiles_us.items())
        return [
            f"{load.sessions} sessions, {load.rate:,} requests a second asked for, {load.seconds:g} s",
            f"sent {self.sent:,}, {self.sent / load.seconds:,.0f} a second; {self.answers:,} reports back",
            f"answers: {told}",
            f"unanswered {self.unanswered:,}; sessions lost {len(self.lost)}",
            f"the venue's process: {self.cpu_us:.1f} us of processor for each request, {self.cpu_s:.1f} s in"
            f" {self.took_s:.1f} s; one core would do {most:,.0f} a second",
            f"memory: {self.rss_bytes >> 20} MiB, {self.growth_bytes >> 20} MiB more than at the start,"
            f" {self.growth_bytes / max(1, self.sent):.0f} bytes a request",
            "held" if self.held else "not held",
        ]

    def table(self) -> dict[str, Any]:
        return asdict(self) | {"cpu_us": self.cpu_us, "held": self.held}


def percentiles(us: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    if not len(us):
        return {}
    found = {f"p{q:g}": float(np.percentile(us, q)) for q in (50, 90, 99, 99.9)}
    return found | {"most": float(us.max())}
