"""The demo's processes end with it, and one that fails says so in a line."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from fixsim.demo import processes as demo_processes
from fixsim.demo.processes import DemoError, Processes, is_listening, last_line, run_command

SERVER = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


@pytest.fixture(autouse=True)
def plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are Python one-liners here, not ours."""
    monkeypatch.setattr(demo_processes, "command_line", lambda command: [sys.executable, "-c", *command])


def test_a_process_is_waited_for_until_it_listens_and_stopped_at_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with Processes() as processes:
        processes.start("server", [SERVER, str(port)], tmp_path / "log")
        processes.wait_listening("server", port, 20)
        assert not processes.ended("server")
        processes.check()
    assert not is_listening(port)


def test_a_process_that_fails_is_named_with_its_last_word(tmp_path: Path) -> None:
    with Processes() as processes:
        processes.start("router", ["print('port 9410 is in use'); raise SystemExit(2)"], tmp_path / "log")
        with pytest.raises(DemoError, match="router ended with status 2: port 9410 is in use"):
            processes.wait_listening("router", 1, 20)


def test_a_killed_process_may_be_started_again(tmp_path: Path) -> None:
    with Processes() as processes:
        processes.start("router", ["import time; time.sleep(60)"], tmp_path / "log")
        processes.kill("router")
        processes.check()
        processes.start("router", ["import time; time.sleep(60)"], tmp_path / "log")
        assert not processes.ended("router")


def test_a_command_runs_to_its_end(tmp_path: Path) -> None:
    assert run_command(["print('refused'); raise SystemExit(1)"], tmp_path / "log") == 1
    assert last_line(tmp_path / "log") == "refused"


def test_a_silent_process_has_no_last_word(tmp_path: Path) -> None:
    assert "said nothing" in last_line(tmp_path / "none")
