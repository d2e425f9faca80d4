"""limits.toml and instruments.toml: nothing missing, nothing unknown, each fault told with its place."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from risk.errors import SettingsError
from risk.gate import Gate
from risk.instrument import Instrument, decimal_text, load_instruments
from risk.limits import Limits, load_limits
from tests.risk.build import BTC, INSTRUMENT, NOW, TICK, USD, child, limits, market, parent, passed


@pytest.fixture
def limits_text(repository: Path) -> str:
    return (repository / "etc/limits.toml").read_text()


@pytest.fixture
def instruments_text(repository: Path) -> str:
    return (repository / "etc/instruments.toml").read_text()


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_the_shipped_settings_let_the_demonstration_work(repository: Path) -> None:
    held = load_instruments(repository / "etc/instruments.toml").instruments
    gate = Gate(load_limits(repository / "etc/limits.toml"), held, "S1-")
    assert gate.admit(parent(), market(), NOW) is None
    for number in range(1, 5):
        passed(gate.check(child(number, qty_lots=250_000_000 - number), market(), NOW))
    passed(gate.check(child(5, qty_lots=10), market(), NOW))


def test_every_shipped_limit_is_commented_and_says_its_unit(limits_text: str) -> None:
    units = ("_bp", "_lots", "_quote", "_s", "_ms", "_count", "_required", "_symbols", "_accounts")
    names = re.findall(r"^(\w+) = ", limits_text, re.MULTILINE)
    assert len(names) == 27
    assert [name for name in names if not name.endswith(units)] == []
    assert limits_text.count("\n# ") >= len(names)


def test_each_limit_is_required(tmp_path: Path, limits_text: str) -> None:
    lines = limits_text.splitlines()
    for at, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            path = written(tmp_path, "\n".join(lines[:at] + lines[at + 1:]))
            with pytest.raises(SettingsError, match=rf"{line.split(' = ')[0]} is missing"):
                load_limits(path)


@pytest.mark.parametrize(("old", "new", "says"), [
    ("collar_bp = 50\n", "collar_pct = 50\n", "price.collar_pct is not a setting (did you mean "),
    ("collar_bp = 50\n", 'collar_bp = "50"\n', "price.collar_bp = '50': Input should be a valid integer"),
    ("collar_bp = 50\n", "collar_bp = 50.0\n", "price.collar_bp = 50.0: Input should be a valid integer"),
    ("collar_bp = 50\n", "collar_bp = 0\n", "price.collar_bp = 0: Input should be greater than 0"),
    ("collar_bp = 50\n", "collar_bp = true\n", "price.collar_bp = true: "),
    ("venue_max_silence_ms = 5000", "venue_max_silence_s = 5",
     "market_data.venue_max_silence_s is not a setting (did you mean venue_max_silence_ms?)"),
    ("max_share_of_parent_bp = 2500", "max_share_of_parent_bp = 10001", "less than or equal to 10000"),
    ("[symbols.BTC-USD]", "[symbols.BTC-USD.x]", "symbols.BTC-USD.child_max_lots is missing"),
    ("[parent]", "[parent", "not TOML"),
])
def test_a_fault_in_the_limits_is_told_by_file_field_value_and_rule(
    tmp_path: Path, limits_text: str, old: str, new: str, says: str
) -> None:
    assert old in limits_text
    path = written(tmp_path, limits_text.replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        load_limits(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_limits(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_limits(tmp_path / "bytes.toml")


def test_the_digest_names_the_limits_not_the_file(tmp_path: Path, limits_text: str) -> None:
    digest = load_limits(written(tmp_path, limits_text)).digest
    assert re.fullmatch("[0-9a-f]{64}", digest)
    plain = "\n".join(line for line in limits_text.splitlines() if not line.startswith("#"))
    assert load_limits(written(tmp_path, plain)).digest == digest
    other = limits_text.replace("collar_bp = 50\n", "collar_bp = 51\n", 1)
    assert load_limits(written(tmp_path, other)).digest != digest
    assert Limits.model_validate(limits().model_dump(mode="json")).digest == limits().digest


def test_limits_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        limits().price.collar_bp = 1  # type: ignore[misc]


# instruments


def test_reference_data_is_refused_when_stale_or_of_the_future(tmp_path: Path, instruments_text: str) -> None:
    text = instruments_text.replace("max_age_days = 36500", "max_age_days = 5")
    data = load_instruments(written(tmp_path, text))
    data.refuse_stale(date(2018, 7, 13))
    data.refuse_stale(date(2018, 7, 18))
    for day, says in ((date(2018, 7, 19), "6 days old"), (date(2018, 7, 12), "-1 days old")):
        with pytest.raises(SettingsError, match=says):
            data.refuse_stale(day)


@pytest.mark.parametrize(("old", "new", "says"), [
    ("tick_nanos = 10_000_000", "tick_nanos = 9_999_999", "multiple of 2"),
    ("tick_nanos = 10_000_000", "tick = 0.01", "instruments.BTC-USD.tick is not a setting"),
    ("min_lots = 1\n", "min_lots = 0\n", "min_lots = 0: Input should be greater than 0"),
    ("round_lots = 1\n", "round_lots = 7\n", "min_lots 1 is not a multiple of round_lots 7"),
    ("as_of = 2018-07-13", 'as_of = "yesterday"', "as_of = 'yesterday'"),
    ('currency = "USD"', 'currency = "usd"', "currency = 'usd'"),
    ("adv_lots", "adv_lot", "instruments.BTC-USD.adv_lot is not a setting (did you mean adv_lots?)"),
])
def test_a_fault_in_the_instruments_is_told(
    tmp_path: Path, instruments_text: str, old: str, new: str, says: str
) -> None:
    assert old in instruments_text
    with pytest.raises(SettingsError) as caught:
        load_instruments(written(tmp_path, instruments_text.replace(old, new, 1)))
    assert says in str(caught.value)


def test_prices_and_half_ticks_convert_exactly_or_not_at_all() -> None:
    assert INSTRUMENT.price_to_px(6190 * USD) == 6190 * 200
    assert INSTRUMENT.price_to_px(TICK // 2) == 1
    for px in (1, 2, 1_238_171):
        assert INSTRUMENT.price_to_px(INSTRUMENT.px_to_nanos(px)) == px
    with pytest.raises(ValueError, match=r"price 0.001 is not a multiple of half a tick 0.005 \(BTC-USD\)"):
        INSTRUMENT.price_to_px(1_000_000)


@pytest.mark.parametrize(("nanos", "text"), [
    (6_190_850_000_000, "6190.85"), (1, "0.000000001"), (USD, "1.00"), (-USD // 2, "-0.50"), (0, "0.00"),
])
def test_a_price_reads_as_a_person_writes_it(nanos: int, text: str) -> None:
    assert decimal_text(nanos) == text


@pytest.mark.parametrize("changes", [{"tick_nanos": 3}, {"round_lots": 0}, {"min_lots": 7, "round_lots": 5}])
def test_an_instrument_that_cannot_be_is_an_error(changes: dict[str, int]) -> None:
    good = {"tick_nanos": TICK, "lots_per_unit": BTC, "round_lots": 1, "min_lots": 1, "adv_lots": BTC}
    with pytest.raises(ValueError, match="BTC-USD"):
        Instrument(symbol="BTC-USD", currency="USD", **good | changes)


def test_limits_of_a_journal_from_before_a_limit_are_read_and_keep_their_name() -> None:
    """The hash stands in every verdict of that journal."""
    now = limits(parent__max_amendments_count=100)
    before = now.model_dump(mode="json")
    del before["parent"]["max_amendments_count"], before["parent"]["short_sale_accounts"]
    assert Limits.model_validate(before).digest == now.digest
    assert limits(parent__max_amendments_count=99).digest != now.digest
    assert limits(parent__max_amendments_count=100, parent__short_sale_accounts=["A"]).digest != now.digest
