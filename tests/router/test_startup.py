"""From files to what the journal's START record holds; what does not fit together is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from risk.errors import SettingsError
from risk.limits import Limits
from router.config import EngineConfig
from router.settings import load
from router.startup import engine_config
from tests.router.rig import Named


@pytest.fixture
def etc(repository: Path, tmp_path: Path) -> Path:
    """A copy of etc/ that a test may spoil."""
    return shutil.copytree(repository / "etc", tmp_path / "etc")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def config_of(etc: Path) -> EngineConfig:
    policies = {1002: Named("ac"), 1001: Named("twap", "1" * 64, 0.5)}
    return engine_config(load(etc / "router.toml"), policies, 77)[0]


def test_sessions_are_order_entry_and_market_data_by_venue_and_then_the_desks(etc: Path) -> None:
    sessions = config_of(etc).sessions
    assert [(session.name, session.kind, session.venue) for session in sessions] == [
        ("SLUICE-OE>XLIT1", "orders", 0),
        ("SLUICE-MD>XLIT1", "market data", 0),
        ("SLUICE-OE>XLIT2", "orders", 1),
        ("SLUICE-MD>XLIT2", "market data", 1),
        ("SLUICE-OE>XDRK", "orders", 2),
        ("SLUICE>DESK1", "desk", -1),
    ]
    assert {session.version for session in sessions} == {"FIX.4.4"}
    change(etc / "router.toml", 'desks = ["DESK1"]', 'desks = ["DESK2", "DESK1"]')
    assert [session.target_comp_id for session in config_of(etc).sessions[-2:]] == ["DESK2", "DESK1"]


def test_times_are_nanoseconds_whatever_the_file_s_units(etc: Path) -> None:
    config = config_of(etc)
    assert config.decision_interval_ns == 1_000_000_000
    assert config.min_event_interval_ns == 100_000_000
    assert config.policy_deadline_ns == 200_000_000
    assert config.ack_timeout_ns == 2_000_000_000
    assert config.kill_timeout_ns == 5_000_000_000
    assert config.market_data_stale_ns == 5_000_000_000


def test_the_policies_are_recorded_by_strategy_with_their_hash(etc: Path) -> None:
    strategies = config_of(etc).strategies
    assert [(s.code, s.policy, s.sha256, s.temperature) for s in strategies] == [
        (1001, "twap", "1" * 64, 0.5),
        (1002, "ac", "0" * 64, 0.0),
    ]


def test_the_record_holds_all_that_a_replay_needs_without_any_file(etc: Path) -> None:
    config = config_of(etc)
    assert config.first_order_number == 77
    shutil.rmtree(etc)
    again = EngineConfig.model_validate_json(json.dumps(config.model_dump(mode="json")))
    assert again == config
    Limits.model_validate(again.limits)


def test_reference_data_comes_with_its_date(etc: Path) -> None:
    _, reference = engine_config(load(etc / "router.toml"), {}, 1)
    assert reference.as_of.isoformat() == "2018-07-13"


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("router.toml", 'symbols = ["BTC-USD"]', 'symbols = ["ETH-USD"]', "symbols = 'ETH-USD': "),
        ("instruments.toml", "[instruments.BTC-USD]", "[instruments.ETH-USD]", "s.toml has no such symbol"),
        ("limits.toml", "[symbols.BTC-USD]", "[symbols.ETH-USD]", "limits.toml has no such symbol"),
        ("venues.toml", "slot = 1\n", "slot = 5\n", "venues.slot = [0, 2, 5]: slots must be 0, 1, 2"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_together_are_refused(
    etc: Path, file: str, old: str, new: str, named: str
) -> None:
    change(etc / file, old, new)
    with pytest.raises(SettingsError) as refused:
        config_of(etc)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
