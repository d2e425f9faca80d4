"""Settings: the files that ship are good, and each fault is one line with file, field, value and rule."""

import os
import shutil
from pathlib import Path

import pytest

from risk.errors import SettingsError
from router.settings import Operator, load


@pytest.fixture
def etc(tmp_path: Path, repository: Path) -> Path:
    """A copy of the settings that ship, to be spoiled."""
    for name in ("router.toml", "venues.toml"):
        shutil.copy(repository / "etc" / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_settings_that_ship_are_good(repository: Path) -> None:
    settings = load(repository / "etc" / "router.toml")
    assert settings.symbols == ("BTC-USD",)
    assert [(venue.name, venue.slot, venue.lit) for venue in settings.venues] == [
        ("XLIT1", 0, True),
        ("XLIT2", 1, True),
        ("XDRK", 2, False),
    ]
    assert settings.lockstep is not None


def test_paths_are_relative_to_the_file_that_names_them(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(etc.parent)
    settings = load(Path(etc.name) / "router.toml")
    assert settings.files.limits == etc / "limits.toml"
    assert settings.daemon.state_dir == etc.parent / "var"
    assert settings.daemon.order_ids_path == etc.parent / "var" / "clordids"
    assert settings.journal.path == etc.parent / "var" / "router.journal"
    assert settings.control.socket == etc.parent / "var" / "control.sock"
    assert settings.path == Path(etc.name) / "router.toml"


def test_without_a_lockstep_table_the_router_runs_on_wall_time(etc: Path) -> None:
    change(etc / "router.toml", "[lockstep]                  # the simulator", "# [lockstep] the simulator")
    for line in ('host = "127.0.0.1"          # loopback only\n', "port = 9400\n", 'name = "router" '):
        change(etc / "router.toml", line, "# " + line)
    assert load(etc / "router.toml").lockstep is None


def test_venues_come_in_the_order_of_their_slots(etc: Path) -> None:
    change(etc / "venues.toml", "slot = 0", "slot = 7")
    assert [venue.name for venue in load(etc / "router.toml").venues] == ["XLIT2", "XDRK", "XLIT1"]


FAULTS = [
    ("router.toml", "interval_ms = 1000 ", "interval_s = 1 ", ["decision.interval_ms", "missing"]),
    ("router.toml", "stale_ms", "stale_s", ["market_data.stale_s", "did you mean stale_ms?"]),
    ("router.toml", "interval_ms = 1000 ", "interval_ms = 1.5 ", ["decision.interval_ms = 1.5", "integer"]),
    ("router.toml", "interval_ms = 1000 ", 'interval_ms = "1s" ', ["decision.interval_ms = '1s'", "integer"]),
    ("router.toml", "interval_ms = 1000 ", "interval_ms = 0 ", ["decision.interval_ms = 0", "greater than"]),
    ("router.toml", "interval_ms = 1000 ", "interval_ms = 50 ", ["min_event_interval_ms = 100 is over"]),
    ("router.toml", 'prefix = "SL1-"', 'prefix = "sl1"', ["daemon.clordid_prefix = 'sl1'", "pattern"]),
    ("router.toml", 'uid = "self"', "uid = -1", ["control.operators.0.uid", "-1"]),
    ("router.toml", 'roles = ["kill", ', 'roles = ["god", ', ["roles.0 = 'god'"]),
    ("router.toml", '"risk-officer"', '"trader"', ["identity trader appears more than once"]),
    ("router.toml", "port = 9410", "port = 94100", ["oms.port = 94100", "65535"]),
    (
        "router.toml",
        '"127.0.0.1"          # loopback',
        '"10.0.0.1" # loopback',
        ["lockstep.host = '10.0.0.1'"],
    ),
    ("router.toml", 'desks = [{ comp_id = "DESK1" }]', "desks = []", ["oms.desks", "at least 1"]),
    ("router.toml", "seed = 1", "seed = 1\ncolour = 3", ["daemon.colour is not a setting"]),
    ("router.toml", '["BTC-USD"]', '["BTC-USD", "BTC-USD"]', ["symbol BTC-USD appears more than once"]),
    ("router.toml", "[oms]", "[oms", ["not TOML", "line"]),
    (
        "venues.toml",
        "taker_fee_ppb = 30_000",
        "taker_fee_bp = 0.3",
        ["venues.0.taker_fee_bp", "did you mean"],
    ),
    ("venues.toml", "slot = 2", "slot = 8", ["venues.2.slot = 8"]),
    ("venues.toml", "slot = 2", "slot = 1", ["slot 1 appears more than once"]),
    ("venues.toml", '"XLIT2"\nslot', '"XLIT1"\nslot', ["name XLIT1 appears more than once"]),
    ("venues.toml", "port = 9402", "port = 9401", ["port 127.0.0.1:9401 appears more than once"]),
    (
        "venues.toml",
        'target_comp_id = "XDRK" }',
        'target_comp_id = "XDRK", addresses = [] }',
        ["venues.2.order_entry.addresses: ", "at least 1 entry"],
    ),
    ("router.toml", 'comp_id = "DESK1"', 'comp_id = "SLUICE"', ["comp_id = 'SLUICE' is ours"]),
    ("venues.toml", 'kind = "lit" ', 'kind = "dark" ', ["XLIT1 is dark: it quotes nothing"]),
    (
        "venues.toml",
        'slot = 2\nkind = "dark"',
        'slot = 2\nkind = "lit"',
        ["XDRK is lit: it needs market_data"],
    ),
    ("venues.toml", "market_data = {", "market_date = {", ["market_date is not a setting", "market_data?"]),
]


@pytest.mark.parametrize(("name", "old", "new", "parts"), FAULTS)
def test_a_fault_names_file_field_value_and_rule(
    etc: Path, name: str, old: str, new: str, parts: list[str]
) -> None:
    change(etc / name, old, new)
    with pytest.raises(SettingsError) as fault:
        load(etc / "router.toml")
    text = str(fault.value)
    assert text.startswith(f"{etc / name}: ")
    assert "\n" not in text
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (
            "venues.toml",
            '"XDRK" }',
            '"XDRK", validation = "strict" }',
            "venues.2.order_entry.validation = 'strict': Input should be 'framing' or 'full', or a list",
        ),
        (
            "venues.toml",
            '"XDRK" }',
            '"XDRK", validation = ["groups", "tags"] }',
            "venues.2.order_entry.validation.1 = 'tags': Input should be 'required', 'values', 'types', "
            "'groups', 'unknown_tags', 'user_tags', 'field_order', 'empty_values', 'repeated_tags' or "
            "'msg_types'",
        ),
        (
            "router.toml",
            'uid = "self"',
            'uid = "root"',
            "control.operators.0.uid = 'root': Input should be a valid integer, or 'self'",
        ),
        (
            "router.toml",
            'desks = [{ comp_id = "DESK1" }]',
            'desks = ["DESK1"]',
            "oms.desks.0 = 'DESK1': Input should be a table",
        ),
        (
            "venues.toml",
            '"XDRK" }',
            '"XDRK", version = "FIX.4.2", next_expected = true }',
            "venues.2.order_entry: next_expected = true: FIX.4.2 has no such field in Logon(A)",
        ),
    ],
)
def test_a_fault_is_said_in_the_files_words_and_once(
    etc: Path, name: str, old: str, new: str, says: str
) -> None:
    """Not by the names of our types, nor again for each of the forms that a value may have."""
    change(etc / name, old, new)
    with pytest.raises(SettingsError) as fault:
        load(etc / "router.toml")
    assert str(fault.value) == f"{etc / name}: {says}"


def test_a_missing_file_is_named(etc: Path) -> None:
    (etc / "venues.toml").unlink()
    with pytest.raises(SettingsError, match=r"venues\.toml: cannot be read: No such file"):
        load(etc / "router.toml")


def test_a_socket_path_that_the_kernel_would_refuse_is_named(etc: Path) -> None:
    change(etc / "router.toml", "../var/control.sock", "x" * 120)
    with pytest.raises(SettingsError, match="a unix socket's path has at most 107"):
        load(etc / "router.toml")


def test_an_operator_is_told_by_uid() -> None:
    assert Operator(identity="a", uid="self", roles=("view",)).is_uid(os.getuid())
    assert Operator(identity="a", uid=12, roles=("view",)).is_uid(12)
    assert not Operator(identity="a", uid=12, roles=("view",)).is_uid(13)
