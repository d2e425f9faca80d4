"""A configuration that cannot work is refused, with the field, the value and the rule."""

import re
from typing import Any

import pytest

from router.fix.session import SessionConfig
from router.fix.versions import FIX42, FIX44, FIX50SP2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": FIX42, "username": "x"}, "username: FIX.4.2 has no such field in Logon(A) (S)"),
        ({"version": FIX42, "has_password": True}, "has_password: FIX.4.2 has no such field in Logon(A) (S)"),
        ({"version": FIX42, "send_next_expected": True}, "send_next_expected: FIX.4.2 has no such field"),
        ({"version": FIX44, "has_new_password": True}, "has_new_password: FIX.4.4 has no such field"),
        ({"username": "na\x01me"}, "username 'na\\x01me' must be printable ASCII (S)"),
        ({"requires_password": True}, "requires_password is not for an initiator (S)"),
        ({"role": "acceptor", "username": "x"}, "username is not for an acceptor (S)"),
        ({"timestamp_digits": 4}, "timestamp_digits 4 is not 0, 3, 6 or 9 (S)"),
        ({"resend_chunk": -1}, "resend_chunk -1 is below 0 (S)"),
        ({"max_same_resends": 0}, "max_same_resends 0 is below 1 (S)"),
        (
            {"min_heart_bt_int_s": 20, "max_heart_bt_int_s": 10},
            "not so: min_heart_bt_int_s 20 <= max_heart_bt_int_s 10 <= 86400 (S)",
        ),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    known: dict[str, Any] = {"role": "initiator", "sender_comp_id": "US", "target_comp_id": "PEER"}
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        SessionConfig("S", **{**known, **fields})


def test_what_a_version_has_is_taken() -> None:
    config = SessionConfig(
        "S", "initiator", "US", "PEER", version=FIX50SP2, username="x", has_password=True,
        has_new_password=True, send_next_expected=True, timestamp_digits=9,
    )  # fmt: skip
    assert config.begin_string == "FIXT.1.1"
