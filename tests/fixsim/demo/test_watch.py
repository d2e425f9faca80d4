"""Frames go to a screen or to lines, and the picture asks nobody for anything."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from fixsim.demo.liveview import Snapshot
from fixsim.demo.watch import Watch, picture

SNAPSHOT = Snapshot(
    title="Buy 1 BTC",
    now_ns=0,
    start_ns=0,
    end_ns=10,
    qty_lots=1,
    done_lots=0,
    target_lots=0,
    working_lots=0,
    lots_per_unit=1,
    unit="BTC",
    arrival_nanos=0,
    average_nanos=0,
    shortfall_bp=0.0,
    bids=[],
    asks=[],
    venues=["XLIT1"],
    orders=[],
    fills=[],
)


def test_without_a_terminal_frames_are_lines_and_not_too_many() -> None:
    console = Console(file=io.StringIO(), width=40)
    with Watch(console) as watch:
        assert watch.is_due()
        watch.update(SNAPSHOT)
        assert not watch.is_due()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == (
        "00:00:00.0  done 0.0000 of 1.0000 BTC  schedule 0.0000  working 0.0000\n"
    )


def test_on_a_terminal_frames_fill_the_screen() -> None:
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    with Watch(console) as watch:
        watch.update(SNAPSHOT)
    assert isinstance(console.file, io.StringIO)
    assert "Working orders" in console.file.getvalue()


def test_the_picture_refers_to_no_other_host(tmp_path: Path) -> None:
    picture(SNAPSHOT, tmp_path / "docs" / "demo.svg")
    drawn = (tmp_path / "docs" / "demo.svg").read_text()
    assert drawn.startswith("<svg")
    assert set(re.findall(r"https?://[^\s\"')<]+", drawn)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
