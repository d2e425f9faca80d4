"""The application: what comes back, what does not, and what is not known."""

from __future__ import annotations

import pytest

from fixsim.acceptance import echo
from fixsim.acceptance.echo import Echo, Reply
from router.fix.codec import Message, parse
from tests.fixsim.acceptance.peer import framed


def message(text: str) -> Message:
    made = parse(framed(text))
    assert isinstance(made, Message)
    return made


ORDER = "35=D|34=2|49=TW|52=20260105-12:00:00|56=ISLD|11=a|38=002000.00|"


def test_an_order_comes_back_with_its_values_untouched() -> None:
    assert Echo().received(message(ORDER)) == Reply(b"D", b"11=a\x0138=002000.00\x01")


@pytest.mark.parametrize("msg_type", ["d", "C"])
def test_so_do_a_security_definition_and_an_email(msg_type: str) -> None:
    assert Echo().received(message(f"35={msg_type}|34=2|58=x|")) == Reply(msg_type.encode(), b"58=x\x01")


def test_the_duplicates_marks_go_and_the_possible_resend_stays() -> None:
    text = "35=D|34=2|43=Y|97=Y|122=20260105-11:00:00|369=4|50=sub|11=a|"
    assert Echo().received(message(text)) == Reply(b"D", b"97=Y\x0150=sub\x0111=a\x01")


def test_a_possible_resend_of_an_order_that_was_seen_is_ignored_until_the_next_logon() -> None:
    application, again = Echo(), message("35=D|34=3|97=Y|11=a|")
    assert application.received(message(ORDER)) is not None
    assert application.received(again) is None
    assert application.received(message("35=D|34=4|97=Y|11=b|")) is not None
    assert application.received(message("35=D|34=5|11=a|")) is not None, "without the mark it is a new order"
    application.logged_on()
    assert application.received(again) is not None


def test_an_order_without_a_cl_ord_id_comes_back_each_time() -> None:
    application, bare = Echo(), message("35=D|34=3|97=Y|55=S|")
    assert application.received(bare) == application.received(bare) == Reply(b"D", b"97=Y\x0155=S\x01")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "MAX_REMEMBERED", 2)
    application = Echo()
    for name in "abc":
        application.received(message(f"35=D|34=2|11={name}|"))
    assert application.received(message("35=D|34=2|97=Y|11=a|")) is not None, "the oldest is forgotten"
    assert application.received(message("35=D|34=2|97=Y|11=c|")) is None


def test_another_application_message_is_not_supported() -> None:
    wanted = Reply(b"j", b"45=9\x0158=Unsupported Message Type\x01372=8\x01380=3\x01")
    assert Echo().received(message("35=8|34=9|37=x|")) == wanted


def test_a_business_reject_names_the_version_if_asked_to() -> None:
    reply = Echo("9").received(message("35=8|34=9|37=x|"))
    assert reply is not None
    assert reply.fields.endswith(b"380=3\x011137=9\x01")


def test_a_business_reject_is_not_answered() -> None:
    assert Echo().received(message("35=j|34=9|45=2|372=D|380=3|")) is None
