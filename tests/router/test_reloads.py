"""Settings read again under a running router: what may change, and what is refused by its name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from risk.errors import SettingsError
from router.reloads import Reload, reload
from router.settings import load
from router.startup import engine_config
from router.ways import ways_of
from tests.router.test_startup import change

DESK = '{ comp_id = "DESK1" }'


@pytest.fixture
def etc(repository: Path, tmp_path: Path) -> Path:
    """A copy of etc/ that a test may change."""
    return shutil.copytree(repository / "etc", tmp_path / "etc")


class Running:
    """What is in force when the files change."""

    def __init__(self, folder: Path) -> None:
        self.settings = load(folder / "router.toml")
        self.config, _ = engine_config(self.settings, {}, 1)
        self.ways = ways_of(self.settings)

    def reads(self) -> Reload:
        return reload(self.settings, self.config, self.ways)


def test_nothing_new_is_nothing_to_do(etc: Path) -> None:
    running = Running(etc)
    read = running.reads()
    assert (read.added, read.changed, read.ways) == ((), [], running.ways)


def test_desks_and_drop_copies_are_added_and_addresses_and_hours_change(etc: Path) -> None:
    running = Running(etc)
    hours = 'schedule = { start = "08:00", end = "16:00", days = ["mon"], zone = "UTC", reset = "never" }'
    change(etc / "router.toml", DESK, f'{DESK}, {{ comp_id = "DESK2", {hours} }}, '
           '{ comp_id = "W", drop_copy_of = "DESK1" }')  # fmt: skip
    change(etc / "venues.toml", "port = 9402", "port = 9502")
    text = (etc / "venues.toml").read_text()
    copies = 'drop_copy = { sender_comp_id = "SLUICE-DC", target_comp_id = "XLIT1" }\n'
    (etc / "venues.toml").write_text(
        text.replace('\n[[venues]]\nname = "XLIT2"', f'{copies}\n[[venues]]\nname = "XLIT2"')
    )
    read = running.reads()
    assert [(spec.name, spec.kind) for spec in read.added] == [
        ("SLUICE-DC>XLIT1", "drop copy"),
        ("SLUICE>DESK2", "desk"),
        ("SLUICE>W", "desk drop copy"),
    ]
    assert read.changed == ["SLUICE-MD>XLIT2", "SLUICE-OE>XLIT2"]
    assert read.ways["SLUICE>DESK2"].schedule is not None

    # Once more, with what was added in force.
    running.config = running.config.model_copy(update={"sessions": running.config.sessions + read.added})
    running.ways = read.ways
    again = running.reads()
    assert (again.added, again.changed) == ((), [])


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("router.toml", DESK, '{ comp_id = "DESK2" }', "SLUICE>DESK1 is gone: only a restart"),
        ("router.toml", DESK, '{ comp_id = "DESK1", version = "FIX.4.2" }', "SLUICE>DESK1: version differs"),
        ("router.toml", "heartbeat_s = 30\nlogon", "heartbeat_s = 20\nlogon", "heart_bt_int_s differs"),
        ("router.toml", "logon_timeout_s = 10", "logon_timeout_s = 9", "oms.logon_timeout_s differs"),
        ("router.toml", "port = 9410", "port = 9411", "oms.port differs"),
        ("router.toml", "interval_ms = 1000", "interval_ms = 900", "decision_interval_ns differs"),
        ("router.toml", "ack_timeout_ms = 2000", "ack_timeout_ms = 2001", "ack_timeout_ns differs"),
        ("router.toml", "reconnect_first_ms = 500", "reconnect_first_ms = 400", "orders differs"),
        ("router.toml", "seed = 1", "seed = 2", "seed differs"),
        ("venues.toml", "taker_fee_ppb = 30_000", "taker_fee_ppb = 30_001", "venues differs"),
        ("venues.toml", 'OE", target_comp_id = "XDRK"', 'O", target_comp_id = "XDRK"', "OE>XDRK is gone"),
        ("limits.toml", "max_new_orders_per_s = 100", "max_new_orders_per_s = 99", "limits differs"),
        ("instruments.toml", "2018-07-13", "2018-07-1", "instruments.toml"),
        ("venues.toml", "slot = 2", "slot = 3", "slots must be"),
    ],
)  # fmt: skip
def test_whatever_else_differs_is_refused_by_its_name(
    etc: Path,
    file: str,
    old: str,
    new: str,
    named: str,
) -> None:
    running = Running(etc)
    change(etc / file, old, new)
    with pytest.raises(SettingsError) as refused:
        running.reads()
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_new_venue_takes_a_restart(etc: Path) -> None:
    running = Running(etc)
    more: dict[str, Any] = {"name": "XNEW", "slot": 3, "port": 9499}
    text = (etc / "venues.toml").read_text()
    block = text[text.rindex("[[venues]]") : text.index("# What a session's table")]
    block = (
        block.replace('"XDRK"', '"XNEW"').replace("slot = 2", "slot = 3").replace("9403", str(more["port"]))
    )
    (etc / "venues.toml").write_text(
        text.replace("# What a session's table", block + "# What a session's table")
    )
    with pytest.raises(SettingsError, match=r"SLUICE-OE>XNEW \(orders\) is new: only a restart adds a venue"):
        running.reads()
