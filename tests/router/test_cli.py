"""The router command: what it asks of the socket, what it prints, and its exit status."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from router import cli
from router.control import Answer
from router.journal import Kind, fix_payload, json_payload
from router.journalfile import JournalFile
from router.settings import Settings


@pytest.fixture
def router(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command; gives exit status, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["router", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return int(end.value.code or 0), captured.out, captured.err

    return run


class Socket:
    """Stands in for the client of the operator socket."""

    def __init__(self, status: int = 0, *answers: Answer) -> None:
        self.status = status
        self.answers = answers
        self.asked: list[tuple[Path, dict[str, str]]] = []

    def ask(self, path: Path, request: dict[str, str], on_answer: Callable[[Answer], None]) -> int:
        self.asked.append((path, request))
        for answer in self.answers:
            on_answer(dict(answer))
        return self.status


KILL_ANSWERS: tuple[Answer, ...] = (
    {"event": "latched", "durable": True},
    {"event": "cancelling", "orders": 2},
    {"event": "order", "cl_ord_id": "SL1-7", "state": "canceled"},
    {"event": "order", "cl_ord_id": "SL1-8", "state": "not confirmed"},
    {"event": "completed", "unconfirmed": ["SL1-8"]},
)


def test_help_names_every_command(router: Any) -> None:
    status, out, _ = router("--help")
    assert status == 0
    for command in ("run", "check", "kill", "suspend", "reinstate", "status", "parents", "orders", "journal"):
        assert f" {command} " in out
    for command in ("run", "kill", "reinstate", "journal"):
        status, out, _ = router(command, "--help")
        assert status == 0
        assert len(out) > 200


def test_a_kill_prints_its_progress_and_ends_with_the_sockets_status(
    router: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = Socket(1, *KILL_ANSWERS)
    monkeypatch.setattr(cli, "ask", socket.ask)
    status, out, _ = router("kill", "--venue", "XLIT1", "--reason", "fat finger", "--socket", "/run/x.sock")
    assert status == 1
    assert out.splitlines() == [
        "latched; on disk",
        "cancelling 2 orders",
        "  SL1-7 canceled",
        "  SL1-8 not confirmed",
        "completed; NOT CONFIRMED: SL1-8",
    ]
    request = {"cmd": "kill", "scope": "venue", "name": "XLIT1", "reason": "fat finger", "identity": ""}
    assert socket.asked == [(Path("/run/x.sock"), request)]


def test_answers_may_be_had_as_json_lines(router: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "ask", Socket(0, *KILL_ANSWERS).ask)
    _, out, _ = router("kill", "--all", "--reason", "r", "--socket", "x", "--json")
    assert [json.loads(line) for line in out.splitlines()] == list(KILL_ANSWERS)


@pytest.mark.parametrize("command", ["kill", "suspend", "reinstate"])
@pytest.mark.parametrize(
    ("option", "scope", "name"),
    [
        (("--all",), "all", ""),
        (("--venue", "XDRK"), "venue", "XDRK"),
        (("--symbol", "BTC-USD"), "symbol", "BTC-USD"),
        (("--parent", "P1"), "parent", "P1"),
    ],
)
def test_each_scope_of_each_command(
    router: Any, monkeypatch: pytest.MonkeyPatch, command: str, option: tuple[str, ...], scope: str, name: str
) -> None:
    socket = Socket()
    monkeypatch.setattr(cli, "ask", socket.ask)
    assert router(command, *option, "--reason", "r", "--identity", "officer", "--socket", "x")[0] == 0
    expected = {"cmd": command, "scope": scope, "name": name, "reason": "r", "identity": "officer"}
    assert socket.asked[0][1] == expected


@pytest.mark.parametrize("options", [(), ("--all", "--venue", "X"), ("--venue", "X", "--symbol", "Y")])
def test_one_scope_must_be_given(router: Any, options: tuple[str, ...]) -> None:
    status, _, err = router("kill", *options, "--reason", "r", "--socket", "x")
    assert (status, err) == (2, "kill: give one of --all, --venue, --symbol, --parent\n")


def test_a_reason_must_be_given(router: Any) -> None:
    status, _, err = router("kill", "--all")
    assert status == 2
    assert "--reason" in err


def test_views_print_what_the_router_says(router: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"event": "gauge", "name": "XLIT1-OE", "state": "logged on", "next_out": 5, "books": [1, 2]}
    monkeypatch.setattr(cli, "ask", Socket(0, answer).ask)
    for command in ("status", "parents", "orders"):
        status, out, _ = router(command, "--socket", "x")
        assert status == 0
        assert "logged on" in out
        assert "[1, 2]" in out


SESSION = {
    "event": "session",
    "session": "SLUICE-OE>XLIT1",
    "kind": "orders",
    "version": "FIX.4.2",
    "state": "active",
    "next_out": 5,
    "next_in": 7,
    "waiting": 0,
    "address": "fix1.venue.example:9401",
    "is_open": True,
    "next_change_ns": 1_531_558_800_000_000_000,
    "latency": {
        "8": {
            name: {"count": 12, "p50_ns": 1500, "p99_ns": 20_000, "max_ns": 21_000}
            for name in ("travelled", "handled", "written")
        },
        "0": {
            **{
                name: {"count": 3, "p50_ns": 1500, "p99_ns": 20_000, "max_ns": 21_000}
                for name in ("travelled", "handled")
            },
            "written": {"count": 0, "p50_ns": 0, "p99_ns": 0, "max_ns": 0},  # nothing is sent of these
        },
    },
}


def test_sessions_are_shown_with_address_hours_and_times(
    router: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = {**SESSION, "state": "disconnected", "address": "", "is_open": False, "latency": {}}
    always = {**SESSION, "next_change_ns": None, "latency": {}}
    monkeypatch.setattr(cli, "ask", Socket(0, SESSION, shut, always).ask)
    _, out, _ = router("sessions", "--socket", "x")
    times = "1.5 / 20.0 / 21.0"
    assert out.splitlines() == [
        "SLUICE-OE>XLIT1      active  (orders, FIX.4.2, at fix1.venue.example:9401;"
        " next out 5, in 7, waiting 0)",
        "  closes at 2018-07-14 09:00:00.000000000 UTC",
        f"  8        12  p50 / p99 / max in µs: travelled {times}, handled {times}, written {times}",
        f"  0         3  p50 / p99 / max in µs: travelled {times}, handled {times}",
        "SLUICE-OE>XLIT1      disconnected  (orders, FIX.4.2; next out 5, in 7, waiting 0)",
        "  CLOSED, opens at 2018-07-14 09:00:00.000000000 UTC",
        "SLUICE-OE>XLIT1      active  (orders, FIX.4.2, at fix1.venue.example:9401;"
        " next out 5, in 7, waiting 0)",
    ]


def test_sessions_are_reset_and_reloaded_by_name_and_reason(
    router: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reset = Socket(0, {"event": "session reset", "session": "A>B", "next_out": 5, "next_in": 7})
    monkeypatch.setattr(cli, "ask", reset.ask)
    status, out, _ = router("sessions", "reset", "A>B", "--reason", "agreed", "--socket", "x")
    assert (status, out) == (0, "A>B: both numbers go back to 1 with the next Logon; now out 5, in 7\n")
    assert reset.asked[0][1] == {
        "cmd": "reset session", "name": "A>B", "reason": "agreed", "identity": "",
    }  # fmt: skip
    read = Socket(0, {"event": "sessions reloaded", "added": ["A>B", "A>C"], "changed": []})
    monkeypatch.setattr(cli, "ask", read.ask)
    status, out, _ = router("sessions", "reload", "--identity", "officer", "--socket", "x")
    assert (status, out) == (0, "added: A>B, A>C; changed: none\n")
    assert read.asked[0][1] == {"cmd": "reload sessions", "identity": "officer"}
    assert router("sessions", "reset", "A>B", "--socket", "x")[0] == 2, "without a reason"


def test_a_refusal_goes_to_stderr(router: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "ask", Socket(2, {"event": "refused", "reason": "same identity"}).ask)
    assert router("reinstate", "--all", "--reason", "r", "--socket", "x") == (
        2,
        "",
        "refused: same identity\n",
    )


def test_without_a_router_the_fault_is_one_line(router: Any, tmp_path: Path) -> None:
    status, _, err = router("status", "--socket", tmp_path / "none.sock")
    assert (status, err) == (2, f"{tmp_path}/none.sock: no router answers: No such file or directory\n")


def test_check_reads_the_files_that_ship(router: Any, repository: Path) -> None:
    status, out, _ = router("check", "--settings", repository / "etc" / "router.toml")
    assert status == 0
    assert [line.rpartition("/")[2] for line in out.splitlines()] == [
        "router.toml: good",
        "venues.toml: good",
        "limits.toml: good",
        "instruments.toml: good",
        "policies.toml: good",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("router.toml", "stale_ms", "stale_s", "router.toml: "),
        ("venues.toml", "slot = 1", "slot = 9", "venues.toml: venues.1.slot = 9"),
        ("router.toml", '["BTC-USD"]', '["ETH-USD"]', "symbols = 'ETH-USD'"),
    ],
)
def test_check_and_run_refuse_bad_settings_in_one_line(
    router: Any, tmp_path: Path, repository: Path, file: str, old: str, new: str, said: str
) -> None:
    etc = shutil.copytree(repository / "etc", tmp_path / "etc")
    (etc / file).write_text((etc / file).read_text().replace(old, new, 1))
    status, out, err = router("check", "-s", etc / "router.toml")
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_run_gives_the_settings_to_the_app_and_ends_with_its_status(
    router: Any, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    given: list[Settings] = []

    def run(settings: Settings) -> int:
        given.append(settings)
        return 3

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: SimpleNamespace(run=run))
    assert router("run", "--settings", repository / "etc" / "router.toml")[0] == 3
    assert given[0].oms.comp_id == "SLUICE"


def test_an_operating_system_error_of_the_app_is_one_line(
    router: Any, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    def run(settings: Settings) -> int:
        raise OSError(
            98, "error while attempting to bind on address ('127.0.0.1', 9410): address already in use"
        )

    monkeypatch.setattr(cli.importlib, "import_module", lambda name: SimpleNamespace(run=run))
    status, _, err = router("run", "--settings", repository / "etc" / "router.toml")
    assert status == 2
    assert "9410" in err
    assert err.count("\n") == 1


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "router.journal"
    writer = JournalFile(path)
    writer.append(Kind.START, 1_531_512_000_000_000_001, json_payload({"version": 1}))
    writer.append(Kind.LINK, 1_531_512_000_000_000_002, b"\x03\x01")
    writer.append(Kind.FIX_OUT, 1_531_512_000_000_000_003, fix_payload(3, b"8=FIX.4.4\x019=5\x01\xff"))
    writer.append(Kind.DECISION, 1_531_512_000_000_000_004, bytes(7))
    writer.close()
    return path


def test_verify_says_what_a_journal_holds(router: Any, journal: Path) -> None:
    status, out, _ = router("journal", "verify", journal)
    assert status == 0
    assert f"{journal}: 5 records, " in out
    assert "from 2018-07-13 20:00:00.000000001 to 2018-07-13 20:00:00.000000004" in out
    assert "1 CHAIN, 1 DECISION, 1 FIX_OUT, 1 LINK, 1 START" in out
    assert "closed in order" in out


def test_verify_ends_in_1_for_a_torn_tail_and_2_for_corruption(router: Any, journal: Path) -> None:
    content = journal.read_bytes()
    journal.write_bytes(content[:-1])
    status, out, _ = router("journal", "verify", journal)
    assert status == 1
    assert "torn tail: 59 bytes" in out
    journal.write_bytes(b"\x00" + content[1:])
    for command in ("verify", "show"):
        status, _, err = router("journal", command, journal)
        assert status == 2
        assert err == (
            f"{journal}: offset 0: CRC does not match, and records follow at 41: not a torn tail\n"
        )


def test_show_prints_a_line_a_record(router: Any, journal: Path) -> None:
    status, out, _ = router("journal", "show", journal)
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == '0 2018-07-13 20:00:00.000000001 START {"version":1}'
    assert lines[1].endswith("LINK 3 up")
    assert lines[2].endswith("FIX_OUT 3 8=FIX.4.4|9=5|\\xff")
    assert "DECISION 7 bytes: DECISION record has 7 bytes, its layout has" in lines[3]
    assert "CHAIN" in lines[4]


def test_show_chooses_by_kind_and_number(router: Any, journal: Path) -> None:
    _, out, _ = router("journal", "show", journal, "-k", "link", "-k", "decision", "--from", "2")
    assert [line.split()[0] for line in out.splitlines()] == ["3"]
    status, _, err = router("journal", "show", journal, "--kind", "nonsense")
    assert status == 2
    assert err.startswith("--kind nonsense is not one of START, FIX_IN,")


def test_show_follows_what_is_written(router: Any, journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalFile(journal)
    rounds = 0

    def write_more(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise SystemExit(0)  # as Ctrl-C would
        writer.append(Kind.NOTE, rounds, b"{}")
        writer.flush()

    monkeypatch.setattr(cli.time, "sleep", write_more)
    _, out, _ = router("journal", "show", journal, "--follow")
    assert [line.split()[0] for line in out.splitlines()] == list("0123456")
    writer.close()


def test_a_journal_that_is_not_there_is_one_line(router: Any, tmp_path: Path) -> None:
    status, _, err = router("journal", "verify", tmp_path / "none")
    assert (status, err) == (2, f"{tmp_path}/none: No such file or directory\n")
