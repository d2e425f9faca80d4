"""Options: which sessions there are, and what is refused in one line that names it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fixsim.acceptance.options import DIGITS, Options, plans
from risk.errors import SettingsError
from router.fix.dictionary import Validation

VERSIONS = ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]


def named(versions: list[str], targets: list[str], sessions: list[str]) -> list[str]:
    return [plan.config.name for plan in plans("ISLD", versions, targets, sessions, Options())]


def test_without_a_word_each_version_has_the_scripts_names() -> None:
    assert named(VERSIONS, [], []) == [
        "FIX.4.2 ISLD TW", "FIX.4.2 ISLD TW42",
        "FIX.4.4 ISLD TW", "FIX.4.4 ISLD TW44", "FIX.4.4 ISLD NO_CHECK_FIELDS_HAVE_VALUES",
        "FIX.5.0SP2 ISLD TW", "FIX.5.0SP2 ISLD TW50SP2",
    ]  # fmt: skip


def test_names_are_for_every_version_or_for_one() -> None:
    assert named(["FIX.4.2", "FIX.4.4"], ["A", "FIX.4.4:B"], []) == [
        "FIX.4.2 ISLD A", "FIX.4.4 ISLD A", "FIX.4.4 ISLD B",
    ]  # fmt: skip


def test_a_session_of_its_own_replaces_the_one_of_the_same_name() -> None:
    made = plans("ISLD", ["FIX.4.4"], ["A"], ["FIX.4.4:A,resend-chunk=7,resend=no"], Options())
    assert [(plan.config.resend_chunk, plan.config.resend) for plan in made] == [(7, frozenset())]


def test_all_checks_are_on_and_the_dictionary_is_one_switch() -> None:
    assert Options().validation == Validation(**dict.fromkeys(_flags(), True))
    assert Options(dictionary=False).validation == Validation.FRAMING
    assert Options(dictionary=False, validate_empty_values=False).validation == Validation.NONE


def _flags() -> list[str]:
    return [field.name for field in fields(Validation) if field.name not in ("custom", "bits")]


@pytest.mark.parametrize("precision", DIGITS)
def test_every_precision_is_one_of_the_sessions(precision: str) -> None:
    (plan,) = plans("ISLD", ["FIX.4.4"], ["A"], [], Options(timestamp_precision=precision))
    assert plan.config.timestamp_digits == DIGITS[precision]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"heartbeat": -1}, "--heartbeat = -1: must be from 0 to 86400"),
        ({"max_latency": 0}, "--max-latency = 0: must be from 1 to 86400"),
        ({"logout_timeout": 0}, "--logout-timeout = 0: must be"),
        ({"timestamp_precision": "ps"}, "--timestamp-precision = 'ps': must be one of s, ms, us, ns"),
    ],
)
def test_a_value_out_of_range_is_named(options: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Options(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("versions", "targets", "sessions", "says"),
    [
        ([], ["A"], [], "--version: at least one is needed"),
        (["FIX.4.3"], [], [], "--version = 'FIX.4.3': must be one of FIX.4.2, FIX.4.4, FIX.5.0SP2"),
        (VERSIONS, [], ["A"], "--session = 'A': must be one of FIX.4.2"),
        (VERSIONS, [""], [], "target_comp_id '' must be printable ASCII"),
        (VERSIONS, ["a\x01b"], [], "target_comp_id .* must be printable ASCII"),
        (VERSIONS, [], ["FIX.4.4"], "--session = 'FIX.4.4': must be VERSION:COMPID"),
        (VERSIONS, [], ["FIX.4.4:A,colour=red"], "--session: 'colour' is no option; there are heartbeat, "),
        (VERSIONS, [], ["FIX.4.4:A,resend=1"], "--session: resend = '1': must be yes or no"),
        (VERSIONS, [], ["FIX.4.4:A,resend-chunk=x"], "--session: resend-chunk = 'x': must be a whole number"),
        (VERSIONS, [], ["FIX.4.4:A,max-latency=0"], "--max-latency = 0: must be from 1 to 86400"),
    ],
)
def test_sessions_that_cannot_be_are_named(
    versions: list[str], targets: list[str], sessions: list[str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        named(versions, targets, sessions)
