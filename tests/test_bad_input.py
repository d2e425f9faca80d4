"""What a person gets wrong, command by command: one line that names it, exit status 2, and no traceback.

One table for the settings files and one for what is typed. What peers get wrong is in
tests/simulation/test_bad_messages.py; ports and directories in use by another process also in
tests/simulation/test_processes.py.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import structlog

import fixsim.cli
import policies.cli
import router.cli
from router.journal import Kind, json_payload
from router.journalfile import JournalFile

Said = tuple[int, list[str]]
Run = Callable[..., Said]
COMMANDS: dict[str, ModuleType] = {"router": router.cli, "fixsim": fixsim.cli, "policies": policies.cli}


@pytest.fixture
def etc(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped settings in a folder of their own, which is also the working directory."""
    shutil.copytree(repository / "policies" / "artifacts", tmp_path / "policies" / "artifacts")
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(repository / "etc", tmp_path / "etc"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """One command in this process; exit status and the lines on stderr that are no log."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")

    def command(words: str) -> Said:
        monkeypatch.setattr(sys, "argv", words.split(" "))
        with pytest.raises(SystemExit) as end:
            COMMANDS[sys.argv[0]].main()
        return int(end.value.code or 0), capsys.readouterr().err.splitlines()

    yield command
    structlog.reset_defaults()  # a command logs to the stderr that it found


def process(words: str, folder: Path) -> Said:
    """One command as a process, for what gets as far as opening a port."""
    name, *rest = words.split()
    command = [str(Path(sys.executable).with_name(name)), *rest]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr.splitlines()


def told(said: Said, *parts: str) -> None:
    status, lines = said
    assert status == 2, lines
    assert len(lines) == 1, lines
    for part in parts:
        assert part in lines[0]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


CHECK, SERVE = "router check", "fixsim serve -s etc/fixsim.toml"
TWAP = "twap.onnx: "
SETTINGS: list[tuple[str, str, str, str, str]] = [
    # what reads it, file, what it says, what it says now, what is told beside the file
    (CHECK, "router.toml", "interval_ms = 1000", "interval_s = 1", "decision.interval_ms is missing"),
    (CHECK, "router.toml", '["BTC-USD"]', '["ETH-USD"]', "symbols = 'ETH-USD': "),
    (CHECK, "venues.toml", "slot = 2", "slot = 4", "venues.slot = [0, 1, 4]: slots must be 0, 1, 2"),
    (CHECK, "venues.toml", "taker_fee_ppb = 30_000", "taker_fee_bp = 0.3", "did you mean taker_fee_ppb?"),
    (CHECK, "limits.toml", "child_max_lots", "child_max_units", "did you mean child_max_lots?"),
    (CHECK, "limits.toml", "collar_bp = 50\n", "", "price.collar_bp is missing"),
    (CHECK, "limits.toml", "collar_bp = 50\n", "collar_bp = 0.5\n", "price.collar_bp = 0.5: "),
    (CHECK, "limits.toml", "collar_bp = 50\n", "collar_bp = 50000\n", "price.collar_bp = 50000: "),
    (CHECK, "limits.toml", "max_open_count = 50", "max_open_count = 0", "parent.max_open_count = 0: "),
    (CHECK, "limits.toml", "[symbols.BTC-USD]", "[symbols.ETH-USD]", "symbols = 'BTC-USD': "),
    (CHECK, "instruments.toml", "nanos = 10_000_000", "nanos = 0.01", "BTC-USD.tick_nanos = 0.01: "),
    (CHECK, "instruments.toml", "tick_nanos = 10_000_000", "tick_nanos = 3", "multiple of 2"),
    (CHECK, "instruments.toml", "round_lots = 1\n", "round_lots = 7\n", "not a multiple of round_lots 7"),
    (CHECK, "instruments.toml", "= 2018-07-13", '= "2018-07-13"', "as_of = '2018-07-13': "),
    (CHECK, "instruments.toml", "[instruments.BTC-USD]", "[instruments.XRP-USD]", "symbols = 'BTC-USD': "),
    (CHECK, "policies.toml", "strategy = 1002", "strategy = 1001", "policy.strategy 1001 is listed twice"),
    (CHECK, "policies.toml", 'provider = "cpu"', 'provider = "gpu"', "provider = 'gpu': "),
    (CHECK, "policies.toml", "temperature = 0.0", "temperature = -1.0", "policy.0.temperature = -1.0: "),
    (CHECK, "policies.toml", "temperature = 0.0", "temperatur = 0.0", "did you mean temperature?"),
    ("policies list", "policies.toml", '"twap.onnx"', '"none.onnx"', "none.onnx: cannot be read"),
    (SERVE, "fixsim.toml", "order_latency_ns", "order_latency_us", "did you mean order_latency_ns?"),
    (SERVE, "fixsim.toml", 'host = "127.0.0.1"', 'host = ""', "host = '': "),
    (SERVE, "fixsim.toml", 'record = "fixsim.jsonl"', 'record = ""', "record = '': "),
    (SERVE, "fixsim.toml", "btcusd_20180713.xz", "none.xz", "tape.path = 'none.xz': no such file in"),
    (SERVE, "fixsim.toml", "tick_nanos = 10_000_000", "tick_nanos = 20_000_000", "the tape says 10000000"),
    (SERVE, "fixsim.toml", "# start = 2018-07-13", "start = 2018-07-14", "tape.stop = 2018-07-14T"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "file", "old", "new", "rule"), SETTINGS)
def test_a_fault_in_the_settings(
    run: Run, etc: Path, command: str, file: str, old: str, new: str, rule: str
) -> None:
    change(etc / file, old, new)
    if command == "policies list":
        command = f"policies list --list {etc / file}"
        told(run(command), rule)
    else:
        told(run(command), file, rule)


def test_reference_data_of_another_year_is_refused_where_time_is_the_machines(run: Run, etc: Path) -> None:
    change(etc / "instruments.toml", "max_age_days = 36500", "max_age_days = 5")
    assert run(CHECK)[0] == 0  # a recording has a date of its own
    text = (etc / "router.toml").read_text()
    before, rest = text.split("[lockstep]")
    (etc / "router.toml").write_text(before + rest[rest.index("[oms]") :])
    told(run(CHECK), "instruments.toml: as_of = 2018-07-13 is ", "max_age_days = 5")


TYPED: list[tuple[str, str, str]] = [
    ("router check -s none.toml", "none.toml", "cannot be read: No such file or directory"),
    ("router check -s etc", "etc", "cannot be read: Is a directory"),
    ("router run -s none.toml", "none.toml", "cannot be read: No such file or directory"),
    ("router status", "control.sock", "no router answers: No such file or directory"),
    ("router status --socket etc/router.toml", "router.toml", "no router answers: Connection refused"),
    ("router kill --reason x", "kill", "give one of --all, --venue, --symbol, --parent"),
    ("router kill --all --venue X --reason x", "kill", "give one of --all, --venue, --symbol, --parent"),
    ("router journal verify none", "none", "No such file or directory"),
    ("router journal verify etc", "etc", ": "),
    ("router journal show etc/limits.toml", "limits.toml", "this is no journal"),
    ("router journal show etc/limits.toml -k X", "--kind X", "is not one of START, "),
    ("fixsim serve -s none.toml", "none.toml", "cannot be read: No such file or directory"),
    (f"{SERVE} --mode sometimes", "--mode", "should be 'lockstep' or 'wall'"),
    (f"{SERVE} --mode wall --speed 0", "--mode, --speed = wall, 0.0: speed 0", 'needs mode = "lockstep"'),
    (f"{SERVE} --speed -3", "--speed = None, -3.0", "greater than or equal to 0"),
    (f"{SERVE} --record none/x.jsonl", "none/x.jsonl", "No such file or directory"),
    ("fixsim tape verify none.xz", "none.xz", "No such file or directory"),
    ("fixsim tape verify etc/fixsim.toml", "fixsim.toml", "damaged: "),
    ("fixsim desk --side up", "--side = 'up'", "must be one of buy, sell"),
    ("fixsim desk --quantity 1.000000001", "--quantity = '1.000000001'", "more than 8 decimals"),
    ("fixsim desk --quantity -1", "--quantity = '-1'", "must be above zero"),
    ("fixsim desk --limit abc", "--limit = 'abc'", "is not a decimal number"),
    ("fixsim desk --duration nan", "--duration = nan", "must be at most"),
    ("fixsim desk --start-after inf", "--start-after = inf", "must be at most"),
    ("policies list --list none.toml", "none.toml", "cannot be read: No such file or directory"),
    ("policies check etc/limits.toml", "limits.toml", "not an ONNX file"),
]


@pytest.mark.parametrize(("words", "named", "rule"), TYPED)
def test_a_fault_in_what_was_typed(run: Run, etc: Path, words: str, named: str, rule: str) -> None:
    told(run(words), named, rule)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("router kill --all", "Missing option '--reason'"),
        ("router kil --all", "No such command 'kil'. Did you mean 'kill'?"),
        ("router kill --venu X", "No such option: --venu"),
        ("fixsim serve --seed x", "Invalid value for '--seed'"),
        ("fixsim tape verify --venues 9", "Invalid value for '--venues'"),
        ("fixsim demo --kill --crash", "Invalid value for --kill, --crash: give one of them"),
        ("policies dense 0 --out x.onnx", "Invalid value for 'sizes'"),
    ],
)
def test_a_command_that_is_not_understood_is_explained_with_its_usage(
    run: Run, etc: Path, words: str, named: str
) -> None:
    status, lines = run(words)
    assert status == 2
    assert lines[0].startswith("Usage: ")
    assert named in "\n".join(lines)


# Files that are not what they were.


def test_a_policy_that_was_changed_is_named_with_both_hashes(run: Run, etc: Path) -> None:
    with (etc.parent / "policies" / "artifacts" / "twap.onnx").open("ab") as file:
        file.write(b"\0")
    for command in (CHECK, "router run", "policies list"):
        told(run(command), TWAP, "is not on the list of policies (twap.onnx is listed with ")


@pytest.mark.parametrize("fault", ["cut", "flipped", "swapped"])
def test_a_damaged_tape_is_named(run: Run, etc: Path, repository: Path, fault: str) -> None:
    content = bytearray((repository / "fixsim" / "tape" / "btcusd_20180713.xz").read_bytes())
    if fault == "cut":
        del content[len(content) // 2 :]
    elif fault == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content[:] = b"BTC-USD,2018-07-13\n" * 100
    (etc / "btcusd_20180713.xz").write_bytes(content)
    told(run(SERVE), "btcusd_20180713.xz: ", "cut short" if fault == "cut" else "damaged")


@pytest.fixture
def state(etc: Path) -> Iterator[Path]:
    folder = etc.parent / "var"
    folder.mkdir()
    yield folder
    assert not (folder / "control.sock").exists()


def test_a_journal_that_is_corrupt_before_its_end_stops_the_start_and_stays_as_it_is(
    run: Run, state: Path
) -> None:
    path = state / "router.journal"
    writer = JournalFile(path)
    for number in range(20):
        writer.append(Kind.NOTE, number, json_payload({"text": "x" * 20}))
    writer.close()
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    for command in ("router run", f"router journal verify {path}", f"router journal show {path}"):
        told(run(command), f"{path}: offset ", "CRC does not match, and records follow at")
    assert path.read_bytes() == content


def test_a_file_that_is_no_journal_is_not_taken_for_a_torn_one(run: Run, state: Path) -> None:
    path = state / "router.journal"
    path.write_bytes(b"the cat sat on the mat " * 50)
    told(run("router run"), f"{path}: offset 0: ", "this is no journal")
    assert path.read_bytes() == b"the cat sat on the mat " * 50


def test_a_journal_that_cannot_be_lived_again_names_its_record(run: Run, state: Path) -> None:
    path = state / "router.journal"
    writer = JournalFile(path)
    writer.append(Kind.START, 1, json_payload({"prefix": "SL1-"}))
    writer.close()
    told(run("router run"), f"{path}: offset 0: record 0: START: ValidationError: ")


@pytest.mark.parametrize("content", [b"XX 5\n", b"\x8e\xff\x00", b"SL1- many\n", b""])
def test_a_counter_of_orders_that_is_not_ours_stops_the_start(run: Run, state: Path, content: bytes) -> None:
    (state / "clordid").write_bytes(content)
    told(
        run("router run"), "router.toml: daemon.clordid_prefix = 'SL1-': ", "clordid is not its order counter"
    )


def test_a_place_that_cannot_be_written_is_named(run: Run, etc: Path) -> None:
    (etc.parent / "file").touch()
    change(etc / "router.toml", 'state_dir = "../var"', 'state_dir = "../file/var"')
    told(run("router run"), "file/var: Not a directory")


# Ports and processes.


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_and_a_clock_that_does_not_answer_are_named(etc: Path, taken: int) -> None:
    change(etc / "router.toml", "port = 9410", f"port = {taken}")
    status, lines = process("router run", etc.parent)
    named = f"etc/router.toml: oms.port = {taken} on 127.0.0.1: Address already in use"
    assert (status, lines[-1]) == (2, named)
    change(etc / "router.toml", f"port = {taken}", "port = 9498")
    change(etc / "router.toml", 'host = "127.0.0.1"\nport = 9498', 'host = "nowhere.invalid"\nport = 9498')
    status, lines = process("router run", etc.parent)
    assert lines[-1].startswith("etc/router.toml: oms.port = 9498 on nowhere.invalid: ")
    assert "Unknown error" not in lines[-1]
    change(etc / "router.toml", 'host = "nowhere.invalid"', 'host = "127.0.0.1"')
    change(etc / "router.toml", "port = 9400", "port = 9499")
    status, lines = process("router run", etc.parent)
    assert status == 2
    assert "lockstep.port = 9499 on 127.0.0.1 (is fixsim there?): Connection refused" in lines[-1]
    assert not [line for line in lines if "Traceback" in line]
    change(etc / "fixsim.toml", "port = 9400", "port = 9499")
    told(
        process("fixsim desk", etc.parent), "clock.port: nobody answers on 127.0.0.1:9499: Connection refused"
    )
    change(etc / "fixsim.toml", "port = 9401", f"port = {taken}")
    refused = f"venue XLIT1: port {taken} on 127.0.0.1 cannot be listened on: Address already in use"
    told(process(SERVE, etc.parent), refused)
    acceptor = f"fixsim acceptor --port {taken}"
    refused = f"--port {taken} on 127.0.0.1 cannot be listened on: Address already in use"
    told(process(acceptor, etc.parent), refused)


def test_the_record_of_an_exchange_that_runs_is_not_overwritten(run: Run, etc: Path) -> None:
    with (etc.parent / "fixsim.jsonl").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("kept\n")
        file.flush()
        told(run(SERVE), "record = fixsim.jsonl: another fixsim is writing it")
    assert (etc.parent / "fixsim.jsonl").read_text() == "kept\n"
