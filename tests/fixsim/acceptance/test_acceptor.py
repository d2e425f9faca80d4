"""Connections and sessions of the acceptor, in memory: what scripts find, and what its options change."""

from __future__ import annotations

import tracemalloc

import pytest

from fixsim.acceptance import acceptor as rooms
from fixsim.acceptance.acceptor import Acceptor
from fixsim.acceptance.control import read
from fixsim.acceptance.options import Options, plans
from tests.fixsim.acceptance.peer import ORDER, SECOND, T0, Peer, acceptor, framed

VERSIONS = ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
ECHO = "11=ID|21=3|40=1|54=1|55=INTC|60=20260105-12:00:00"


def on(port: Acceptor, version: str = "FIX.4.4", comp_id: str = "TW") -> Peer:
    """A peer that has logged on."""
    peer = Peer(port, version, comp_id)
    assert peer.logon()[0].startswith("35=A|34=1|98=0|108=30")
    return peer


# -- who is let in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_answered_in_its_own_words(version: str) -> None:
    more = "|1137=9" if version == "FIX.5.0SP2" else ""
    assert Peer(acceptor(), version).logon() == ["35=A|34=1|98=0|108=30" + more]


@pytest.mark.parametrize(
    ("version", "comp_id"), [("FIX.4.2", "TW42"), ("FIX.4.4", "TW44"), ("FIX.5.0SP2", "TW50SP2")]
)
def test_several_comp_ids_share_a_version_each_with_its_own_numbers(version: str, comp_id: str) -> None:
    port = acceptor()
    one, two = on(port, version), on(port, version, comp_id)
    assert one.say("1", 2, "112=a") == ["35=0|34=2|112=a"]
    assert one.say("1", 3, "112=a") == ["35=0|34=3|112=a"]
    assert two.say("1", 2, "112=b") == ["35=0|34=2|112=b"]


@pytest.mark.parametrize(
    ("sender", "target", "begin"),
    [
        ("WT", "ISLD", "FIX.4.4"),
        ("TW", "DLSI", "FIX.4.4"),
        ("TW44", "ISLD", "FIX.4.2"),
        ("TW", "ISLD", "FIX.4.3"),
    ],
)
def test_a_stranger_is_hung_up_on_without_a_word(sender: str, target: str, begin: str) -> None:
    peer = Peer(acceptor())
    text = f"35=A|34=1|49={sender}|52=20260105-12:00:00|56={target}|98=0|108=30|"
    assert peer.raw(framed(text, begin)) == []
    assert peer.gone


def test_so_is_who_does_not_begin_with_a_logon_or_with_no_message() -> None:
    first, second = Peer(acceptor()), Peer(acceptor())
    assert first.say("0", 1) == []
    assert second.raw(b"hello there, this is no FIX\n") == []
    assert first.gone
    assert second.gone


def test_and_who_says_nothing_in_time() -> None:
    peer = Peer(acceptor(logon_timeout=5))
    peer.wait(4.9)
    assert not peer.gone
    peer.wait(0.2)
    assert peer.gone


def test_a_second_connection_of_a_session_is_hung_up_on_and_the_first_goes_on() -> None:
    port = acceptor()
    first, second = on(port), Peer(port)
    assert second.logon() == []
    assert second.wait(0.3) == []
    assert second.gone
    assert first.say("1", 2, "112=a") == ["35=0|34=2|112=a"]
    first.hang_up()
    assert Peer(port).logon() == ["35=A|34=1|98=0|108=30"]


def test_a_second_connection_has_its_turn_if_the_first_ends_a_moment_later() -> None:
    port = acceptor()
    first, second, third = on(port), Peer(port), Peer(port)
    assert second.logon() == third.logon() == second.say("1", 2, "112=a") == []
    first.hang_up()
    second._collect()
    assert second.heard() == ["35=A|34=1|98=0|108=30", "35=0|34=2|112=a"]
    third.wait(0.3)
    assert third.gone
    assert not second.gone


def test_a_connection_that_waits_does_not_talk_on() -> None:
    port = acceptor()
    first, second = on(port), Peer(port)
    second.logon()
    for seq in range(2, 19):
        second.say("0", seq)
    assert second.gone
    assert not first.gone


def test_connections_without_a_logon_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MAX_STRANGERS", 3)
    port = acceptor()
    peers = [Peer(port) for _ in range(4)]
    assert [peer.gone for peer in peers] == [False, False, False, True]
    peers[0].hang_up()
    assert not Peer(port).gone


@pytest.mark.parametrize(("comp_id", "times"), [("NOBODY", 10_000), ("TW", 2_000)])
def test_thousands_of_logons_leave_nothing_behind(comp_id: str, times: int) -> None:
    port = acceptor()
    other = on(port, "FIX.4.2")
    tracemalloc.start()
    try:
        for at in range(times):
            if at == 1_000:
                before = tracemalloc.get_traced_memory()[0]
            peer = Peer(port, comp_id=comp_id)
            assert bool(peer.logon()) is (comp_id == "TW")
            peer.hang_up()
            port.notes.clear()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 200_000
    assert other.say("1", 2, "112=a") == ["35=0|34=2|112=a"]


def test_a_refused_logon_is_answered_only_if_that_is_asked_for() -> None:
    late = "35=A|34=1|49=TW|52=20010101-00:00:00|56=ISLD|98=0|108=30|"
    quiet, aloud = Peer(acceptor()), Peer(acceptor(logon_refusals=True))
    assert quiet.raw(framed(late)) == []
    assert aloud.raw(framed(late))[0].startswith("35=5|34=1|58=SendingTime accuracy problem")
    assert quiet.gone
    assert aloud.gone


# -- the application -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_comes_back_in_order(version: str) -> None:
    peer = on(acceptor(), version)
    mixed = "40=1|55=INTC|60=20260105-12:00:00|54=1|21=3|11=ID"
    assert peer.say("D", 2, mixed) == [f"35=D|34=2|{ECHO}"]


def test_groups_come_back_as_the_dictionary_has_them() -> None:
    peer = on(acceptor())
    parties = "453=2|448=A|447=D|452=1|448=B|447=D|452=3"
    assert peer.say("D", 2, f"{parties}|{ORDER}") == [f"35=D|34=2|{ECHO}|{parties}"]


def test_what_was_sent_back_is_sent_again_and_session_messages_are_filled_over() -> None:
    peer = on(acceptor())
    peer.say("D", 2, "97=Y|" + ORDER)
    peer.say("1", 3, "112=a")
    again = peer.say("2", 4, "7=1|16=0")
    assert [line.split("|122=")[0] for line in again] == [
        "35=4|34=1|43=Y",
        "35=D|34=2|43=Y|97=Y",
        "35=4|34=3|43=Y",
    ]
    assert again[2].endswith("36=4|123=Y")


def test_it_is_filled_over_if_it_shall_not_be_sent_again() -> None:
    peer = on(acceptor(resend=False))
    peer.say("D", 2, ORDER)
    assert [line.split("|122=")[0] for line in peer.say("2", 3, "7=1|16=0")] == ["35=4|34=1|43=Y"]


def test_another_application_message_gets_a_business_reject() -> None:
    report = "37=a|17=b|150=0|39=0|55=W|54=1|151=1|14=0|6=0"
    wanted = "35=j|34=2|45=2|58=Unsupported Message Type|372=8|380=3"
    assert on(acceptor()).say("8", 2, report) == [wanted]
    loud = acceptor(version_in_business_rejects=True)
    assert on(loud).say("8", 2, report) == [wanted], "4.4 has no such field"
    assert on(loud, "FIX.5.0SP2").say("8", 2, report) == [wanted + "|1137=9"]


def test_an_answer_takes_its_number_after_what_the_session_said() -> None:
    peer = on(acceptor())
    assert peer.say("1", 3, "112=a") == ["35=2|34=2|7=2|16=0"]
    assert peer.say("D", 2, ORDER) == ["35=0|34=3|112=a", f"35=D|34=4|{ECHO}"]


# -- what is checked -----------------------------------------------------------------------------------------

CHECKS = [
    ("validate_required", "D", ORDER.replace("54=1|", ""), "54", 1),
    ("validate_values", "D", ORDER.replace("54=1", "54=w"), "54", 5),
    ("validate_types", "D", ORDER + "|38=+5", "38", 6),
    ("validate_empty_values", "D", ORDER + "|38=", "38", 4),
    ("validate_repeated_tags", "D", ORDER + "|11=again", "11", 13),
    ("validate_field_order", "D", ORDER + "|50=sub", "50", 14),
    ("validate_groups", "D", ORDER + "|453=2|448=A|447=D|452=1", "453", 16),
    ("validate_unknown_fields", "D", ORDER + "|262=x", "262", 2),
    ("validate_user_defined_fields", "D", ORDER + "|5001=x", "5001", 0),
]


@pytest.mark.parametrize(("option", "msg_type", "body", "ref_tag", "reason"), CHECKS)
def test_a_check_can_be_left_out(option: str, msg_type: str, body: str, ref_tag: str, reason: int) -> None:
    held, loose = on(acceptor()), on(acceptor(**{option: False}))
    (rejected,) = held.say(msg_type, 2, body)
    assert rejected.startswith("35=3|34=2|45=2|58=")
    assert rejected.endswith(f"|371={ref_tag}|372={msg_type}|373={reason}")
    assert held.say("1", 3, "112=a") == ["35=0|34=3|112=a"], "the message has used its number"
    (returned,) = loose.say(msg_type, 2, body)
    assert returned.startswith("35=D|34=2|")
    (bare,) = on(acceptor(dictionary=False, validate_empty_values=False)).say(msg_type, 2, body)
    assert bare.startswith("35=D|34=2|"), "without a dictionary nothing of this is looked at"


def test_a_message_type_that_there_is_not() -> None:
    assert on(acceptor()).say("*", 2) == ["35=3|34=2|45=2|58=Invalid MsgType|372=*|373=11"]
    loose = on(acceptor(validate_message_types=False, validate_unknown_fields=False))
    assert loose.say("*", 2) == ["35=j|34=2|45=2|58=Unsupported Message Type|372=*|380=3"]


def test_comp_ids_are_looked_at_in_every_message_or_in_the_logon_alone() -> None:
    held, loose = on(acceptor()), on(acceptor(check_comp_ids=False))
    rejected = "35=3|34=2|45=2|58=CompID problem|372=1|373=9"
    assert held.say("1", 2, "112=a", sender="WT") == [rejected, "35=5|34=3"]
    assert not held.gone
    held.say("5", 3)
    assert held.gone
    assert loose.say("1", 2, "112=a", sender="WT") == ["35=0|34=2|112=a"]


@pytest.mark.parametrize("seconds", [-11, 11])
@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ({"max_latency": 10}, False),
        ({"max_latency": 12}, True),
        ({"max_latency": 10, "check_latency": False}, True),
    ],
)
def test_latency_has_a_limit_or_none(seconds: int, options: dict[str, object], accepted: bool) -> None:
    answers = on(acceptor(**options)).say("1", 2, "112=a", sent_ns=T0 + seconds * SECOND)
    rejected = "35=3|34=2|45=2|58=SendingTime accuracy problem|372=1|373=10"
    assert answers == (["35=0|34=2|112=a"] if accepted else [rejected, "35=5|34=3"])


def test_a_fault_can_be_explained() -> None:
    (rejected,) = on(acceptor(explain=True)).say("D", 2, ORDER.replace("54=1", "54=w"))
    assert "58=Side(54) 'w'" in rejected
    assert "371=54" in rejected


def test_tag_zero_is_named_and_what_is_no_number_is_not() -> None:
    peer = on(acceptor())
    assert peer.say("0", 2, "0=x") == ["35=3|34=2|45=2|58=Invalid tag number|371=0|372=0|373=0"]
    assert peer.say("0", 3, "-1=x") == ["35=3|34=3|45=3|58=Invalid tag number|371=-1|372=0|373=0"]


# -- numbers and time ----------------------------------------------------------------------------------------


def test_every_logon_begins_at_one_or_goes_on() -> None:
    fresh, kept = acceptor(), acceptor(reset_on_logon=False)
    for port, wanted in ((fresh, "34=1"), (kept, "34=3")):
        first = on(port)
        first.say("1", 2, "112=a")
        first.hang_up()
        second = Peer(port)
        assert wanted in second.logon(1 if port is fresh else 3)[0]


def test_numbers_are_set_by_a_control_line_and_the_next_logon_keeps_them() -> None:
    port = acceptor()
    assert port.set_numbers(read("FIX.4.4 ISLD TW in=5 out=20")) == "FIX.4.4 ISLD TW in=5 out=20"
    peer = Peer(port)
    assert peer.logon(5) == ["35=A|34=20|98=0|108=30"]
    assert peer.say("1", 6, "112=a") == ["35=0|34=21|112=a"]
    peer.hang_up()
    assert Peer(port).logon(1) == ["35=A|34=1|98=0|108=30"], "only the next one"


def test_numbers_are_set_while_logged_on() -> None:
    port = acceptor()
    peer = on(port)
    assert port.set_numbers(read("FIX.4.4 ISLD TW in=9")) == "FIX.4.4 ISLD TW in=9 out=2"
    assert peer.say("1", 9, "112=a") == ["35=0|34=2|112=a"]
    assert port.set_numbers(read("FIX.4.4 ISLD TW out=50")) == "FIX.4.4 ISLD TW in=10 out=50"
    assert peer.say("1", 10, "112=a") == ["35=0|34=50|112=a"]


def test_a_control_line_for_nobody_names_who_there_is() -> None:
    with pytest.raises(ValueError, match=r"no session FIX.4.4 ISLD NONE; there are FIX.4.2 ISLD TW, "):
        acceptor().set_numbers(read("FIX.4.4 ISLD NONE in=1"))


def test_a_logout_and_a_resend_request_are_answered_whatever_their_number() -> None:
    peer = on(acceptor())
    peer.say("0", 2)
    assert peer.say("2", 2, "7=1|16=1")[0].startswith("35=4|34=1|43=Y")
    assert peer.say("5", 2) == ["35=5|34=2"]
    assert peer.gone, "without waiting"


def test_no_heartbeat_while_a_test_request_is_not_answered() -> None:
    peer = Peer(acceptor())
    peer.logon(beat=10)
    assert peer.wait(11) == ["35=0|34=2"]
    assert peer.wait(12) == ["35=1|34=3|112=TEST"]
    assert not peer.gone
    assert peer.wait(2) == []
    assert peer.gone


def test_the_heartbeat_can_be_ours() -> None:
    assert Peer(acceptor(heartbeat=7)).logon(beat=30) == ["35=A|34=1|98=0|108=7"]


def test_a_goodbye_waits_for_its_answer_so_long() -> None:
    peer = on(acceptor(logout_timeout=3))
    peer.raw(framed("35=0|34=2|49=TW|52=20260105-12:00:00|56=ISLD|", "FIX.4.2"))
    peer.wait(2.9)
    assert not peer.gone
    peer.wait(0.2)
    assert peer.gone


@pytest.mark.parametrize(("precision", "size"), [("s", 17), ("ms", 21), ("us", 24), ("ns", 27)])
def test_timestamps_are_as_fine_as_asked(precision: str, size: int) -> None:
    port = acceptor(timestamp_precision=precision)
    peer = Peer(port)
    sent: list[bytes] = []
    peer._answers.feed = sent.append  # type: ignore[method-assign]
    peer.logon()
    assert len(sent[0].split(b"\x0152=")[1].split(b"\x01")[0]) == size


def test_last_processed_and_next_expected() -> None:
    port = acceptor(last_processed=True, next_expected=True)
    peer = Peer(port)
    assert peer.logon(more="|789=1") == ["35=A|34=1|369=1|98=0|108=30|789=2"]
    assert peer.say("1", 2, "112=a") == ["35=0|34=2|369=2|112=a"]
    assert "789" not in Peer(port, "FIX.4.2").logon()[0], "4.2 has no such field"


def test_what_is_missing_is_asked_for_in_pieces() -> None:
    peer = on(acceptor(resend_chunk=5))
    assert peer.say("0", 12) == ["35=2|34=2|7=2|16=6"]
    assert peer.say("4", 2, "123=Y|36=7") == ["35=2|34=3|7=7|16=0"]


def test_everybody_is_logged_out_at_the_end() -> None:
    port = acceptor()
    one, two = on(port), on(port, "FIX.4.2")
    port.logout("the acceptor stops", T0)
    one._collect()
    assert one.heard() == two.heard() == ["35=5|34=2|58=the acceptor stops"]
    one.say("5", 2)
    two.say("5", 2)
    assert port.connected == 0


def test_options_of_one_session_do_not_touch_another() -> None:
    sessions = ["FIX.4.4:A,validate-empty-values=no,max-latency=5", "FIX.4.4:B"]
    port = Acceptor(plans("ISLD", VERSIONS, [], sessions, Options()))
    loose, held = on(port, comp_id="A"), on(port, comp_id="B")
    assert loose.say("1", 2, "112=") == ["35=0|34=2|112="]
    (rejected,) = held.say("1", 2, "112=")
    assert rejected == "35=3|34=2|45=2|58=Tag specified without a value|371=112|372=1|373=4"
