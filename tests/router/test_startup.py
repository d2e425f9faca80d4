"""From files to what the journal's START record holds; what does not fit together is named."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from risk.errors import SettingsError
from risk.limits import Limits
from router.config import EngineConfig
from router.fix.dictionary.validation import Validation
from router.fix.versions import FIX50SP2
from router.opening import session_config
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
    change(etc / "router.toml", '{ comp_id = "DESK1" }', '{ comp_id = "DESK2" }, { comp_id = "DESK1" }')
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


def test_a_journal_of_before_sessions_had_versions_still_says_the_same(etc: Path) -> None:
    config = config_of(etc)
    written = config.model_dump(mode="json")
    old = {"name", "kind", "venue", "sender_comp_id", "target_comp_id", "heart_bt_int_s"}
    assert all(set(session) == old for session in written["sessions"]), "a default is not written"
    assert EngineConfig.model_validate(written) == config


def test_what_a_session_s_table_says_reaches_the_engine_and_no_secret_does(etc: Path) -> None:
    change(
        etc / "venues.toml",
        'order_entry = { sender_comp_id = "SLUICE-OE", target_comp_id = "XDRK" }',
        """[venues.order_entry]
sender_comp_id = "SLUICE-OE"
target_comp_id = "XDRK"
version = "FIX.5.0SP2"
username = "sluice"
password_file = "xdrk.password"
new_password_file = "xdrk.new"
next_expected = true
timestamp = "us"
validation = "full"
custom_tags = [{ tag = 9001, type = "int", messages = ["8"] }]
max_messages_per_s = 50
schedule = { start = "08:00", end = "16:30", days = ["mon"], zone = "Europe/London", reset = "at start" }
[venues.drop_copy]
sender_comp_id = "SLUICE-DC"
target_comp_id = "XDRK"
""",
    )
    change(
        etc / "router.toml",
        '{ comp_id = "DESK1" }',
        '{ comp_id = "DESK1", username = "d", password_file = "d.password", refuse_reset = true },'
        ' { comp_id = "WATCH", drop_copy_of = "DESK1" }',
    )
    config = config_of(etc)
    orders, copies, desk, watch = config.sessions[-4:]
    assert (copies.kind, copies.venue, watch.kind, watch.drop_copy_of) == (
        "drop copy", 2, "desk drop copy", "SLUICE>DESK1",
    )  # fmt: skip
    assert (desk.requires_password, desk.refuse_reset, desk.has_password) == (True, True, False)
    session = session_config(orders)
    assert session.validation == dataclasses.replace(Validation.FULL, custom=((9001, "int", ("8",)),))
    assert session_config(desk).validation == Validation.FRAMING
    assert (session.lenient, session_config(desk).lenient) == ({b"8", b"9"}, set())
    assert (session.version, session.timestamp_digits, session.send_next_expected) == (FIX50SP2, 6, True)
    assert (session.username, session.has_password, session.has_new_password) == ("sluice", True, True)
    assert session.resend_burst == 19, "half of what orders may use in a second"
    assert (orders.max_messages_per_s, orders.cancels_per_s) == (50, 12)
    assert (orders.has_schedule, orders.reset_at_start) == (True, True)
    assert Validation(**dict.fromkeys(orders.validation, True)) == Validation.FULL
    assert ".password" not in json.dumps(config.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("router.toml", '"DESK1" }', '"DESK1" }, { comp_id = "DESK1" }', "comp_id DESK1 appears more than"),
        ("router.toml", '"DESK1" }', '"DESK1", drop_copy_of = "X" }', "drop_copy_of = 'X': no desk"),
        ("router.toml", '"DESK1" }', f'"DESK1", pins = ["{"0" * 64}"] }}', "pins of DESK1: needs oms.tls"),
        ("router.toml", '"DESK1" }', '"DESK1", version = "FIX.4.3" }', "version = 'FIX.4.3'"),
        ("router.toml", '"DESK1" }', '"DESK1", username = "u" }', "username and password_file belong"),
        (
            "router.toml", '"DESK1" }',
            '"DESK1", version = "FIX.4.2", username = "u", password_file = "p" }',
            "username = 'u': FIX.4.2 has no such field in Logon(A)",
        ),
        ("venues.toml", '"XDRK" }', '"XDRK", cancels_per_s = 5 }', "max_messages_per_s, which is missing"),
        ("venues.toml", '"XDRK" }', '"XDRK", custom_tags = [{ tag = 9 }] }', "nothing looks at tags"),
        ("venues.toml", '"XDRK" }', '"XDRK", tls = { ca = "a" } }', "tls.server_name is missing"),
        (
            "venues.toml", '"XDRK" }',
            '"XDRK", tls = { ca = "a", server_name = "x", key = "k" } }', "certificate and key belong",
        ),
        (
            "venues.toml", '"XDRK" }',
            '"XDRK", schedule = { start = "8", end = "9", days = ["mon"], zone = "UTC", reset = "never" } }',
            'start = \'8\' is not a time of day such as "08:00"',
        ),
        (
            "venues.toml", '"XDRK" }',
            '"XDRK", schedule = { start = "08:00", end = "16:30", zone = "Mars", reset = "never" } }',
            "either days, or start_day",
        ),
        (
            "venues.toml", '"XDRK" }',
            '"XDRK", schedule = { start = "08:00", end = "16:30", zone = "UTC", reset = "never" } }',
            "needs either days, or start_day and end_day",
        ),
        (
            "venues.toml", '"XDRK" }',
            '"XDRK", schedule = { start = "08:00", end = "16:30", zone = "UTC", days = ["mon"] } }',
            "schedule.reset is missing",
        ),
        (
            "venues.toml", 'OE", target_comp_id = "XDRK" }', 'OE", target_comp_id = "XLIT1" }',
            "session SLUICE-OE>XLIT1 appears more than once",
        ),
    ],
)  # fmt: skip
def test_what_a_session_cannot_be_is_refused_in_one_line(
    etc: Path, file: str, old: str, new: str, named: str
) -> None:
    change(etc / file, old, new)
    with pytest.raises(SettingsError) as refused:
        config_of(etc)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
