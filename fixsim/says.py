"""What a venue says, before it is bytes: typed, and written in the FIX version of whoever is told.

Messages leave the exchange so, and become bytes at its doors: one report may go to a client in FIX 4.2 and be
copied to another in FIX 5.0 SP2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from risk.order import Party
from router.fix import tags
from router.fix.decimals import time_to_wire
from router.fix.messages import ExecutionReport
from router.fix.messages.fields import joined
from router.fix.messages.reports import copy_fields
from router.fix.versions import Version


class Says(Protocol):
    """A typed message; those of router.fix.messages are, but for what needs an instrument."""

    @property
    def MSG_TYPE(self) -> bytes: ...  # noqa: N802 (as the messages have it)

    def body(self, version: Version, /) -> bytes:
        """The fields after the header, each closed by its delimiter."""


@dataclass(slots=True)
class Report:
    """An ExecutionReport(8), and what its quantities are counted in."""

    MSG_TYPE: ClassVar[bytes] = tags.EXECUTION_REPORT

    report: ExecutionReport
    lots_per_unit: int

    def body(self, version: Version) -> bytes:
        return self.report.body(self.lots_per_unit, version)

    def copied(self, owner: str) -> Report:
        """For a drop copy session: CopyMsgIndicator(797), and the client as the executing firm."""
        copy = self.report._replace(copy=True, parties=(*self.report.parties, Party(owner)))
        return Report(copy, self.lots_per_unit)


@dataclass(frozen=True, slots=True)
class Refusal:
    """150=8 for a NewOrderSingle; `echo` are its fields as they came, also those that could not be read."""

    MSG_TYPE: ClassVar[bytes] = tags.EXECUTION_REPORT

    echo: Mapping[int, str]
    exec_id: str
    reason: int
    text: str
    time_ns: int
    copy_of: str = ""
    """The client whose it is, for a drop copy session."""

    def body(self, version: Version) -> bytes:
        return joined(
            "37=NONE", *(f"{tag}={value}" for tag, value in self.echo.items()), f"17={self.exec_id}",
            "20=0" if version.exec_trans_type else "", "150=8", "39=8",
            f"103={version.ord_rej_reason(self.reason)}", "151=0", "14=0", "6=0",
            b"60=" + time_to_wire(self.time_ns), f"58={self.text}",
            *(copy_fields(self.copy_of, version) if self.copy_of else ()),
        )  # fmt: skip

    def copied(self, owner: str) -> Refusal:
        return Refusal(self.echo, self.exec_id, self.reason, self.text, self.time_ns, owner)
