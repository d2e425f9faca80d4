"""`fixsim tape import` and `verify`: what they say, their exit status, and how much memory they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fixsim.cli
from fixsim.settings import load_settings, refuse_other_tape, tape_path
from fixsim.tape.cli import app
from fixsim.tape.convert import load_any
from fixsim.tape.metafile import find_tapes
from fixsim.tape.reader import open_tape
from risk.errors import SettingsError
from tests.fixsim.lobsterday import made_up_day
from tests.fixsim.test_tape_binance import SPOT
from tests.fixsim.test_tape_bitstamp import ONE_TRADE
from tests.fixsim.test_tape_coinbase_full import recording, write

WIDE = {"COLUMNS": "300", "NO_COLOR": "1"}


def fixsim_says(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The whole command, in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["fixsim", "tape", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        fixsim.cli.main()
    return int(end.value.code or 0)


def test_a_day_is_imported_and_verified(tmp_path: Path) -> None:
    message, orderbook = made_up_day(300, 3, seed=1).write(tmp_path)
    out = tmp_path / "tapes"
    told = CliRunner().invoke(app, ["import", "lobster", str(message), str(orderbook), "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("XNAS ABC: ")
    assert "set aside: 0" in told.stdout
    assert told.stdout.rstrip().endswith(str(out / "venue=XNAS" / "symbol=ABC"))
    folder = str(out / "venue=XNAS" / "symbol=ABC")
    told = CliRunner().invoke(app, ["verify", folder, "--book", str(orderbook)])
    assert told.exit_code == 0, told.output
    assert "symbol=ABC: 300 messages, step by step" in told.stdout
    assert "top 2 of 3 levels right after 300 of 300" in told.stdout
    assert f"{orderbook.name}: 300 of 300 rows equal, all levels" in told.stdout
    other = orderbook.with_name("other.csv")
    other.write_text("\n".join(made_up_day(300, 3, seed=2).books))
    told = CliRunner().invoke(app, ["verify", folder, "--book", str(other)])
    assert told.exit_code == 1
    assert "other.csv: 300 of 300" not in told.stdout


def test_order_flow_is_imported_verified_and_served(tmp_path: Path, repository: Path) -> None:
    contents = recording()
    contents["messages"][-1]["time"] = "2018-07-13T20:47:12Z"
    folder = write(tmp_path / "recording", contents)
    out = tmp_path / "tapes"
    command = ["import", "coinbase", str(folder), "--out", str(out), "--venue", "XCBX", "--symbol", "BTC-USD"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    told = CliRunner().invoke(app, ["verify", str(out), "--venues", "3"])
    assert told.exit_code == 0, told.output
    assert "over 3 lit venues; matches 2 of 2 as recorded; end book 4 of 4" in told.stdout

    etc = tmp_path / "fixsim.toml"
    text = (repository / "etc" / "fixsim.toml").read_text()
    etc.write_text(text.replace("btcusd_20180713.xz", "tapes"))
    rules = load_settings(etc)
    assert tape_path(rules, etc) == out
    refuse_other_tape(rules, load_any(tape_path(rules, etc)), etc)
    etc.write_text(text.replace("btcusd_20180713.xz", "recording"))
    with pytest.raises(
        SettingsError, match=r"tape.path = 'recording': no such file .* nor the folder of a tape"
    ):
        tape_path(load_settings(etc), etc)


def test_the_shipped_tape_still_verifies() -> None:
    told = CliRunner().invoke(app, ["verify"])
    assert told.exit_code == 0, told.output
    assert "matches 501 of 501 as recorded; end book 66833 of 66833" in told.stdout


@pytest.mark.parametrize(
    ("row", "words", "status"),
    [(None, "", 0), ("34200,1,1,1,1", r"row 40: 5 columns, not 6: '34200,1,1,1,1'", 2)],
)
def test_a_bad_row_is_one_line_and_status_2_or_is_set_aside(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    row: str | None,
    words: str,
    status: int,
) -> None:
    day = made_up_day(90, 2, seed=1)
    if row is not None:
        day.messages[39] = row
    files = day.write(tmp_path)
    said = fixsim_says(monkeypatch, "import", "lobster", *files, "--out", tmp_path / "tapes")
    assert said == status
    lines = capsys.readouterr().err.splitlines()
    assert lines == ([f"{files[0].name}: {words}"] if words else [])
    assert len(find_tapes(tmp_path / "tapes")) == (not words)
    aside = tmp_path / "aside"
    assert fixsim_says(monkeypatch, "import", "lobster", *files, "--out", aside, "--quarantine") == 0
    assert f"set aside: {int(bool(words))}" in capsys.readouterr().out
    assert open_tape(aside).meta.quarantined == bool(words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("import pcap day.csv --out o", "format 'pcap' is not one of lobster, coinbase"),
        ("import lobster none.csv --out o", "none.csv: No such file or directory"),
        ("import lobster day.csv --out o --date 21.6.2012", "--date = '21.6.2012': must be a date like"),
        ("import lobster day.csv --out o --tick 0", "--tick = '0': must be a decimal above zero"),
        ("import lobster day.csv --out o --tick 1e-12", "--tick = '1e-12': must be a decimal above zero"),
        ("import lobster day.csv --out o --tick cent", "--tick = 'cent': must be a decimal above zero"),
        ("import lobster day.csv --out o", "day.csv: does not say its symbol and date"),
        ("import lobster day.csv --out o --symbol a/b --date 2012-06-21", "symbol 'a/b': 1 to 32 letters"),
        ("import coinbase day.csv --out o", "day.csv: its name says none of beginning, messages, ending"),
        ("import coinbase . --out o --date 2012-06-21", "--date: not for coinbase"),
        ("import lobster day.csv --out day.csv --symbol A --date 2012-06-21", "day.csv: "),
        ("verify none", "none: No such file or directory"),
        ("verify empty", "empty: there is no tape"),
        ("verify --book day.csv", "only partial tapes have a recorded book"),
    ],
)
def test_what_a_person_gets_wrong_is_one_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "day.csv").write_text("34200,1,1,1,1,1\n")
    assert fixsim_says(monkeypatch, *words.split()) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]


BIG = """
import itertools, resource, sys
from pathlib import Path
from fixsim.tape.importers import Request
from fixsim.tape.lobster import import_lobster
folder, orders = Path(sys.argv[1]), int(sys.argv[2])
path = folder / "big_2012-06-21_0_86400000_message_5.csv"
with path.open("w") as file:
    for n in range(1, orders + 1):
        at, price = f"{n // 1000}.{n % 1000:03d}", 1000000 + 100 * (n % 50)
        file.write(f"{at},1,{n},10,{price},1\\n{at},3,{n},10,{price},1\\n")
watched = [0, 0]
def progress(n):
    watched[0] += n
    watched[1] += 1
import_lobster(Request((path,), folder / "tapes", progress=progress))
assert watched[0] == path.stat().st_size and watched[1] > path.stat().st_size >> 18, watched
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, path.stat().st_size >> 10)
"""


def test_an_import_needs_no_more_memory_for_a_larger_file(tmp_path: Path) -> None:
    """A message takes 32 bytes of the file, 93 of records, several hundred of Python's tuples."""
    peak_kib = []
    for orders in (40_000, 250_000):
        folder = tmp_path / str(orders)
        folder.mkdir()
        environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        command = [sys.executable, "-c", BIG, str(folder), str(orders)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        peak, size = map(int, done.stdout.split())
        peak_kib.append(peak)
    assert size > 12 << 10
    assert peak_kib[1] - peak_kib[0] < size // 2


@pytest.mark.parametrize(
    "option",
    [
        ("--date", "0001-01-01"),
        ("--date", "9999-12-31"),
        ("--date", "x" * 5000),
        ("--lots-per-unit", "99999999999999999999"),
        ("--lots-per-unit", "9" * 4000),
        ("--lots-per-unit", "0"),
        ("--lots-per-unit", "1000000000000"),
        ("--tick", "99999"),
        ("--tick", "1e999999999"),
        ("--tick", "1e400"),
        ("--tick", "sNaN"),
        ("--tick", "-1"),
        ("--tick", "1" * 3000),
    ],
    ids=lambda option: "=".join(option)[:40],
)
@pytest.mark.parametrize("name", ["lobster", "coinbase", "bitstamp", "binance-l2"])
def test_an_absurd_option_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    option: tuple[str, str],
) -> None:
    files: tuple[Path, ...]
    if name == "lobster":
        files = made_up_day(30, 3, seed=1).write(tmp_path)
    elif name == "coinbase":
        files = (write(tmp_path / "recording", recording()),)
    else:
        files = (tmp_path / "a.log",)
        files[0].write_text("\n".join(ONE_TRADE if name == "bitstamp" else SPOT))
    out = tmp_path / "tapes"
    if (name, option) == ("coinbase", ("--lots-per-unit", "1000000000000")):
        return  # a power of ten that its sizes fit
    assert fixsim_says(monkeypatch, "import", name, *files, "--out", out, *option) == 2
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert told.err.count("\n") == 1, told.err
    assert len(told.err) < 300
    assert not list(out.glob("venue=*"))
