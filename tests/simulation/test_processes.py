"""The daemon as an operator meets it: processes, signals, ports, disks and sockets.

Waits are for what must happen, and bounded; the one thing that is waited for in vain is an order that must
not leave.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from fixsim.demo.processes import command_line, run_command
from router.journalfile import records
from router.recovery import Replay
from tests.simulation.processes import ETC, START_S, Stage, sent

WINDOW = ("2018-07-13T20:47:30Z", "2018-07-13T20:47:56Z")
HELD_S = 0.8  # decisions are 0.2 s apart: what might leave had its chance
BTC = 10**8


def test_two_unpaced_runs_with_one_seed_are_the_same_to_the_last_byte(tmp_path: Path) -> None:
    witnesses = []
    for name in ("first", "second"):
        with Stage(tmp_path / name, window=WINDOW) as stage:
            stage.begin("1", 18)
            ended = [stage.status_of(process, START_S) for process in ("fixsim", "desk", "router")]
            assert ended == [0, 0, 0]
            run, agreement = stage.run, stage.agreement()
            assert agreement.differences == ()
            assert agreement.fills > 0
            assert stage.follow.done_lots == BTC
        files = (run.journal, run.record, run.folder / "desk.jsonl")
        witnesses.append([path.read_bytes() for path in files])
    assert witnesses[0] == witnesses[1]

    verified = tmp_path / "verified"
    assert run_command(["router", "journal", "verify", str(run.journal)], verified) == 0
    assert "closed in order" in verified.read_text()
    replay = Replay()
    for record in records(run.journal):
        replay.feed(record)
    core = replay.engine.running
    assert [work.filled_lots for work in core.parents.values()] == [BTC]
    assert core.orders.live() == []


def test_a_router_is_stopped_halted_and_reinstated_by_people_and_signals(tmp_path: Path) -> None:
    with Stage(tmp_path / "run", interval_ms="200") as stage:
        follow = stage.follow
        stage.begin("20", 60)
        stage.working()

        # SIGTERM: nothing rests when it has gone, and nothing is latched.
        stage.signal("router", signal.SIGTERM)
        assert stage.status_of("router", 5) == 0
        stage.look()
        assert stage.open_at_venues() == set()
        assert not follow.working
        before = len(sent(follow))
        stage.start_router()
        stage.until("it trades again", lambda: len(sent(follow)) > before, START_S)

        # SIGUSR1: everything is cancelled, and nothing leaves.
        stage.signal("router", signal.SIGUSR1)
        stage.until("the latch", lambda: follow.latch)
        stage.until("every order has ended", lambda: not follow.working)
        time.sleep(HELD_S)
        stage.look()
        assert follow.orders_after_latch == 0
        assert stage.open_at_venues() == set()
        assert stage.operator("kill", "trader") == 0

        # A restart does not lift it.
        stage.signal("router", signal.SIGTERM)
        assert stage.status_of("router", 5) == 0
        before = len(sent(stage.look()))
        stage.start_router()
        stage.wait_listening("router", stage.oms_port, START_S)
        stage.until("sessions are up again", lambda: _logged_on(stage))
        time.sleep(HELD_S)
        assert len(sent(stage.look())) == before
        latched_by = [latch["identity"] for latch in stage.answers("status")[0]["latches"]]
        assert latched_by == ["signal", "trader"]

        # Who latched may not lift it; another may.
        assert stage.operator("reinstate", "trader") == 1  # the signal's latch, not the own one
        assert [latch["identity"] for latch in stage.answers("status")[0]["latches"]] == ["trader"]
        assert stage.operator("reinstate", "trader") == 2
        assert stage.operator("reinstate", "risk-officer") == 0
        stage.until("it trades again", lambda: len(sent(follow)) > before)
        _end_in_agreement(stage)


def test_a_router_that_is_killed_outright_recovers_what_it_had_at_the_venues(tmp_path: Path) -> None:
    with Stage(tmp_path / "run", interval_ms="200") as stage:
        follow = stage.follow
        stage.begin("20", 60)
        stage.working()
        stage.kill("router")
        unknown = set(stage.look().working)
        before = len(sent(follow))
        stage.start_router()
        stage.until("it is back", lambda: follow.restarts, START_S)
        stage.until(
            "it knows of every order", lambda: unknown <= follow.asked | (unknown - set(follow.working))
        )
        stage.until("it trades again", lambda: len(sent(follow)) > before)
        _end_in_agreement(stage)


def test_a_second_router_does_not_start(tmp_path: Path) -> None:
    with Stage(tmp_path / "run") as stage:
        stage.start_router()
        stage.wait_listening("router", stage.oms_port, START_S)

        stage.start_router("same")
        assert stage.status_of("same", START_S) == 2
        (line,) = stage.log("same").splitlines()
        assert f"{stage.state_dir}: a router with this identity is running already" in line

        # Another identity, the same port.
        with Stage(tmp_path / "other", port=str(stage.oms_port)) as other:
            other.start_router()
            assert other.status_of("router", START_S) == 2
            said = [line for line in other.log("router").splitlines() if "[info" not in line]
            assert len(said) == 1
            assert f"{other.run.router_settings}: oms.port = {stage.oms_port}" in said[0]

        stage.signal("router", signal.SIGTERM)
        assert stage.status_of("router", 5) == 0


def test_a_router_outlives_its_exchange_and_names_the_orders_that_it_cannot_confirm(tmp_path: Path) -> None:
    with Stage(tmp_path / "run", kill_timeout_ms="1000", reconnect_first_ms="100") as stage:
        stage.begin("20", 60)
        stage.working()
        stage.signal("fixsim", signal.SIGSTOP)  # from here on no order can end
        stage.until("orders that have not ended", lambda: stage.answers("orders"))
        stage.kill("fixsim")
        stage.until(
            "they are unknown", lambda: {order["state"] for order in stage.answers("orders")} == {"unknown"}
        )
        unknown = {order["cl_ord_id"] for order in stage.answers("orders")}
        stage.until("it dials again", lambda: stage.log("router").count("cannot connect") > 10)
        assert stage.answers("status")[0]["open_orders"] == len(unknown)

        stage.signal("router", signal.SIGTERM)
        assert stage.status_of("router", stage.kill_timeout_s + 3) == 1
        said = stage.log("router")
        (line,) = (line for line in said.splitlines() if "orders not confirmed at stop" in line)
        assert all(name in line for name in unknown)
        assert "Traceback" not in said


def test_ctrl_c_ends_a_demo_and_all_that_it_started(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "demo.log"
    command = command_line(["fixsim", "demo", "--out", str(out), "--etc", str(ETC)])
    with log.open("wb") as sink:
        demo = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        journal = out / "almgren_chriss" / "var" / "router.journal"
        deadline_s = time.monotonic() + START_S
        while not (len(children := _children(demo.pid)) == 3 and b"\x0135=D\x01" in _content(journal)):
            assert time.monotonic() < deadline_s, f"the demo has {len(children)} processes; see {log}"
            assert demo.poll() is None, log.read_text()
            time.sleep(0.1)
        os.killpg(demo.pid, signal.SIGINT)  # as the terminal does
        assert demo.wait(20) not in (0, None)
    finally:
        if demo.poll() is None:
            demo.kill()
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    said = log.read_text()
    assert "Traceback" not in said, said
    for name in ("fixsim", "router", "desk"):
        assert "Traceback" not in (out / "almgren_chriss" / f"{name}.log").read_text(), name


def _logged_on(stage: Stage) -> bool:
    sessions = stage.answers("status")[0]["sessions"]
    return all(session["state"] == "active" for session in sessions.values())


def _end_in_agreement(stage: Stage) -> None:
    """Router, then exchange; both told the same story, and no ClOrdID was used twice."""
    stage.signal("router", signal.SIGTERM)
    assert stage.status_of("router", 5) == 0
    stage.signal("fixsim", signal.SIGTERM)
    assert stage.status_of("fixsim", 10) == 0
    agreement = stage.agreement()
    assert agreement.differences == ()
    assert agreement.fills > 0
    names = sent(stage.follow)
    assert len(names) == len(set(names))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
