"""One daemon per state directory, and no ClOrdID twice, whatever happens to the power."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from router.identity import AlreadyRunning, OrderIds, StateLock


def test_a_second_daemon_in_the_same_state_directory_is_told_who_runs(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "state")
    code = "import sys, pathlib, router.identity as j; j.StateLock(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "state")]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "running already (process " in second.stderr
    with pytest.raises(AlreadyRunning, match="state: a router with this identity is running already"):
        StateLock(tmp_path / "state")
    lock.release()
    StateLock(tmp_path / "state").release()


def test_order_ids_count_up_and_a_restart_leaves_the_rest_of_the_block(tmp_path: Path) -> None:
    ids = OrderIds("SL1-", tmp_path / "ids", block=10)
    assert ids.next_number == 1
    assert [ids.next() for _ in range(12)] == [f"SL1-{n}" for n in range(1, 13)]
    assert OrderIds("SL1-", tmp_path / "ids", block=10).next() == "SL1-21"


def test_no_order_id_is_given_out_before_its_block_is_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    ids = OrderIds("SL1-", path, block=7)
    for _ in range(50):
        number = int(ids.next().removeprefix("SL1-"))
        assert number < int(path.read_text().split()[1])
        if number % 5 == 0:
            ids.top_up()


def test_topping_up_keeps_half_a_block_ready(tmp_path: Path) -> None:
    ids = OrderIds("A-", tmp_path / "ids", block=10)
    for _ in range(6):
        ids.next()
    ids.top_up()
    assert (tmp_path / "ids").read_text() == "A- 21\n"
    ids.top_up()
    assert (tmp_path / "ids").read_text() == "A- 21\n"
    assert [ids.next() for _ in range(6)][-1] == "A-12"


def test_ids_in_the_journal_are_not_repeated_when_the_counter_was_lost(tmp_path: Path) -> None:
    ids = OrderIds("SL1-", tmp_path / "ids")
    for observed in ("SL1-41", "SL1-7", "OTHER-99", "SL1-x", "SL1-"):
        ids.observed(observed)
    assert ids.next() == "SL1-42"


@pytest.mark.parametrize("content", ["", "SL2- 100\n", "SL1- x\n", "garbage"])
def test_a_counter_that_is_not_ours_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "ids").write_text(content)
    with pytest.raises(ValueError, match="not the order counter of prefix SL1-"):
        OrderIds("SL1-", tmp_path / "ids")
