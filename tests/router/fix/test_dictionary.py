"""What a dictionary knows, and what it finds wrong: the published cases 14a to 14i and each type's form."""

from __future__ import annotations

import re

import pytest

from router.fix.codec import Message, encode, parse
from router.fix.dictionary import Dictionary, GroupOrder, Validation, load
from router.fix.dictionary.forms import conforms
from router.fix.dictionary.validation import FORMS
from router.fix.fault import (
    GROUP_COUNT_INCORRECT,
    GROUP_OUT_OF_ORDER,
    INCORRECT_FORMAT,
    INVALID_MSG_TYPE,
    INVALID_TAG_NUMBER,
    NOT_OF_THIS_MESSAGE,
    REASONS,
    REQUIRED_TAG_MISSING,
    TAG_OUT_OF_ORDER,
    TAG_REPEATED,
    TAG_WITHOUT_VALUE,
    VALUE_INCORRECT,
    Fault,
)
from router.fix.versions import FIX42, FIX44, FIX50SP2, VERSIONS, Version
from tests.router.fix.plain_rules import conforms as conforms_plainly

T = 1_767_571_200_123_456_789
TIME = "60=20260105-00:00:00.123"
ORDER = f"11=ID|21=1|40=1|54=1|38=200.00|55=INTC|{TIME}"
PARTY = "448=A|447=D|452=1"
FIX42_ORDER = f"11=ID|21=1|55=INTC|54=1|{TIME}|38=200|40=1"
GIVEN = {FIX42: FIX42_ORDER, FIX44: ORDER, FIX50SP2: ORDER}


def message(body: str, msg_type: str = "D", version: Version = FIX44, header: str = "") -> Message:
    """Fields are written with | for the delimiter."""
    wire = [part.replace("|", "\x01").encode("latin-1") + b"\x01" if part else b"" for part in (body, header)]
    begin = version.begin_string.encode()
    made = parse(encode(begin, msg_type.encode(), 2, b"TW", b"ISLD", T, wire[0], wire[1]))
    assert isinstance(made, Message)
    return made


def fault(
    body: str,
    msg_type: str = "D",
    validation: Validation = Validation.FULL,
    version: Version = FIX44,
    header: str = "",
) -> Fault | None:
    return load(version).fault(message(body, msg_type, version, header), validation)


def finding(
    body: str, msg_type: str = "D", validation: Validation = Validation.FULL
) -> tuple[int, int] | None:
    """SessionRejectReason(373) and RefTagID(371)."""
    found = fault(body, msg_type, validation)
    return None if found is None else (found.reason, found.ref_tag)


# Names


@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)
def test_fields_values_and_messages_have_names(version: Version) -> None:
    known = load(version)
    assert known.tag_name(54) == "Side"
    assert known.value_name(54, b"1") == "Buy"
    assert known.value_name(39, b"1") == "PartiallyFilled"
    assert known.value_name(44, b"1") is None
    assert known.value_name(54, b"?") is None
    assert known.tag_name(9_999) is None
    assert known.message_name(b"D") == "NewOrderSingle"
    assert known.message_name(b"*") is None


def test_several_values_in_one_field_are_all_named() -> None:
    known = load(FIX44)
    assert known.value_name(18, b"1 G") == "NotHeld AllOrNone"
    assert known.value_name(18, b"1 ~") is None


def test_messages_are_of_the_session_layer_or_of_the_application() -> None:
    for version in VERSIONS.values():
        known = load(version)
        admin = {kind for kind in b"0 1 2 3 4 5 A".split() if known.is_admin(kind)}
        assert len(admin) == 7
        assert not any(known.is_admin(kind) for kind in (b"D", b"8", b"j", b"*"))
    assert load(FIX44).knows(b"q")
    assert not load(FIX42).knows(b"q")
    assert not load(FIX44).knows(b"*")


def test_a_dictionary_is_read_once() -> None:
    assert load(FIX44) is load(FIX44)


def test_groups_have_their_fields_in_order_and_groups_within() -> None:
    parties = load(FIX44).group_order(b"D")[453]
    assert parties == GroupOrder(453, (448, 447, 452, 802), {802: GroupOrder(802, (523, 803), {})})
    assert load(FIX44).group_order(b"0")[627].tags == (628, 629, 630)  # of the header


# The published cases


@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)
def test_a_good_order_is_good(version: Version) -> None:
    assert fault(GIVEN[version], version=version) is None


@pytest.mark.parametrize("tag", ["999", "0", "-1", "4999"])
def test_14a_a_tag_that_the_specification_has_not(tag: str) -> None:
    assert finding(f"{ORDER}|{tag}=HI") == (INVALID_TAG_NUMBER, int(tag))


def test_14a_a_tag_that_is_no_number() -> None:
    assert finding(f"{ORDER}|x=HI") == (INVALID_TAG_NUMBER, 0)
    assert finding(f"{ORDER}|99999999999=HI") == (INVALID_TAG_NUMBER, 0)


def test_14a_a_users_own_tag_is_taken_unless_they_are_looked_at() -> None:
    strict = Validation(unknown_tags=True, user_tags=True)
    assert finding(f"{ORDER}|5000=HI") is None
    assert finding(f"{ORDER}|5000=HI", validation=strict) == (INVALID_TAG_NUMBER, 5000)
    assert finding(f"{ORDER}|999=HI", validation=Validation(user_tags=True)) is None


def test_14b_a_required_field_is_missing() -> None:
    assert finding(f"40=1|{TIME}|54=1|21=3|11=id") == (REQUIRED_TAG_MISSING, 55)
    bare = encode(b"FIX.4.4", b"0", 2, b"TW", b"ISLD", T, b"").replace(b"56=ISLD\x01", b"")
    body = bare[bare.index(b"35=") : -7]
    made = parse_fields(body)
    assert load(FIX44).fault(made, Validation.FULL) == Fault(
        1, 56, "TargetCompID(56) is missing in Heartbeat(0)"
    )


def parse_fields(body: bytes) -> Message:
    """A message of these fields from MsgType on, whatever they are."""
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    made = parse(head + b"10=%03d\x01" % (sum(head) % 256))
    assert isinstance(made, Message)
    return made


def test_14c_a_field_of_other_messages() -> None:
    assert finding("55=MSFT", "0") == (NOT_OF_THIS_MESSAGE, 55)


def test_14d_a_field_without_a_value() -> None:
    assert finding(f"{ORDER}|58=") == (TAG_WITHOUT_VALUE, 58)
    assert finding(f"{ORDER}|58=", validation=Validation.FRAMING) == (TAG_WITHOUT_VALUE, 58)
    assert finding(f"{ORDER}|58=", validation=Validation.NONE) is None


def test_an_empty_field_hides_no_later_fault() -> None:
    lenient = Validation(values=True, empty_values=False)
    assert finding(f"{ORDER}|58=|59=~", validation=lenient) == (VALUE_INCORRECT, 59)
    assert finding(f"58=|{ORDER}|-1=x", validation=Validation.NONE) == (INVALID_TAG_NUMBER, -1)


def test_14e_a_value_that_is_not_in_the_list() -> None:
    assert finding(ORDER.replace("21=1", "21=4")) == (VALUE_INCORRECT, 21)
    assert finding(f"{ORDER}|167=BOO") == (VALUE_INCORRECT, 167)
    assert finding(f"{ORDER}|167=CS") is None
    assert finding(f"{ORDER}|18=1 ~") == (VALUE_INCORRECT, 18)
    assert finding(f"{ORDER}|18=1 G") is None


def test_a_list_may_be_open() -> None:
    assert finding(f"{ORDER}|847=1000") is None
    assert finding(f"{ORDER}|847=999") == (VALUE_INCORRECT, 847)
    offer = "23=1|28=N|55=INTC|54=1|27={}"
    assert [finding(offer.format(quantity), "6") for quantity in ("S", "2500.5", "X")] == [
        None,
        None,
        (VALUE_INCORRECT, 27),
    ]


def test_14f_a_value_of_another_form() -> None:
    assert finding(ORDER.replace("38=", "38=+")) == (INCORRECT_FORMAT, 38)
    assert finding(ORDER.replace("00:00:00", "00:00:61")) == (INCORRECT_FORMAT, 60)
    assert finding(f"{ORDER}|354=x|355=abc") == (INCORRECT_FORMAT, 354)
    assert finding(f"{ORDER}|59=00") == (INCORRECT_FORMAT, 59)  # a char, before its list is looked at


def test_14f_a_data_field_that_does_not_end_where_its_length_says() -> None:
    assert finding(f"{ORDER}|354=2|355=abc") == (INCORRECT_FORMAT, 355)
    assert finding(f"{ORDER}|354=2|355=abc", validation=Validation.NONE) == (INCORRECT_FORMAT, 355)


@pytest.mark.parametrize("first", ["11=id|21=3|40=1|54=1|55=MSFT", "55=MSFT"])
def test_14g_the_header_after_the_body(first: str) -> None:
    wire = first.replace("|", "\x01").encode()
    made = parse_fields(b"35=D\x01" + wire + b"\x0134=3\x0149=TW\x0152=20260105-00:00:00\x0156=ISLD\x01")
    found = load(FIX44).fault(made, Validation.FULL)
    assert found is not None
    assert (found.reason, found.ref_tag) == (TAG_OUT_OF_ORDER, 34)
    assert load(FIX44).fault(made, Validation(values=True, types=True)) is None


def test_14g_the_body_after_the_trailer() -> None:
    assert finding(f"{ORDER}|93=1|89=x|58=late") == (TAG_OUT_OF_ORDER, 58)
    assert finding(f"{ORDER}|93=1|89=x") is None


def test_a_data_field_follows_its_length() -> None:
    assert finding(f"{ORDER}|354=3|355=a\x01b") is None
    assert finding(f"{ORDER}|355=abc") == (TAG_OUT_OF_ORDER, 355)
    assert finding(f"{ORDER}|354=3|58=x|355=abc") == (TAG_OUT_OF_ORDER, 355)


def test_14h_a_field_twice() -> None:
    assert finding(ORDER.replace("40=1", "40=1|40=2")) == (TAG_REPEATED, 40)
    assert finding(f"{ORDER}|5000=a|5000=b") is None  # not a field of ours


# Repeating groups


@pytest.mark.parametrize(
    ("group", "found"),
    [
        (f"453=1|{PARTY}", None),
        (f"453=2|{PARTY}|{PARTY}", None),
        ("453=2|448=A|448=B", None),
        ("453=0", None),
        (f"453=2|{PARTY}", (GROUP_COUNT_INCORRECT, 453)),
        (f"453=1|{PARTY}|{PARTY}", (GROUP_COUNT_INCORRECT, 453)),
        (f"453=0|{PARTY}", (GROUP_COUNT_INCORRECT, 453)),
        ("453=1", (GROUP_COUNT_INCORRECT, 453)),
        ("386=3|336=PRE-OPEN|336=AFTER-HOURS", (GROUP_COUNT_INCORRECT, 386)),
        ("453=x", (INCORRECT_FORMAT, 453)),
        ("453=1|447=D|448=A", (GROUP_OUT_OF_ORDER, 447)),
        ("453=1|448=A|452=1|447=D", (GROUP_OUT_OF_ORDER, 447)),
        ("453=1|448=A|447=D|447=D", (TAG_REPEATED, 447)),
        (PARTY, (NOT_OF_THIS_MESSAGE, 448)),
        (f"453=2|{PARTY}|58=between|{PARTY}", (GROUP_COUNT_INCORRECT, 453)),
        (f"453=1|{PARTY}|802=2|523=x|803=1|523=y|803=2", None),
        (f"453=2|{PARTY}|802=1|523=x|803=1|448=B|802=1|523=z", None),
        (f"453=1|{PARTY}|802=2|523=x|803=1", (GROUP_COUNT_INCORRECT, 802)),
        (f"453=1|{PARTY}|802=1|803=1|523=x", (GROUP_OUT_OF_ORDER, 803)),
        (f"453=1|{PARTY}|802=1|523=x|803=~", (INCORRECT_FORMAT, 803)),
        (f"453=1|{PARTY}|802=1|523=x|803=3999", (VALUE_INCORRECT, 803)),
        (f"453=1|{PARTY}|802=1|523=x|803=4000", None),
        (f"453=1|448=A|6001=own|447=D|452=1|{TIME[:2]}x", (INVALID_TAG_NUMBER, 0)),
        ("453=1|448=A|6001=own|447=D|452=1", None),  # a user's own field ends no group
    ],
)  # fmt: skip
def test_14i_groups(group: str, found: tuple[int, int] | None) -> None:
    assert finding(f"{ORDER}|{group}") == found


def test_a_groups_wrong_number_comes_before_what_is_wrong_in_the_group() -> None:
    """The number stands first on the wire."""
    assert finding(f"{ORDER}|453=3|448=A|447=~|448=B") == (GROUP_COUNT_INCORRECT, 453)
    assert finding(f"{ORDER}|453=2|448=A|447=~|448=B") == (VALUE_INCORRECT, 447)
    assert finding(f"{ORDER}|453=2|448=A|802=2|523=x|448=B|447=~|448=C") == (GROUP_COUNT_INCORRECT, 453)
    assert finding(f"{ORDER}|453=2|448=A|802=2|523=x|448=B|447=~") == (GROUP_COUNT_INCORRECT, 802)
    assert finding(f"59=~|{ORDER}|453=3|448=A") == (VALUE_INCORRECT, 59)
    found = fault(f"{ORDER}|386=3|336=PRE-OPEN|336=AFTER-HOURS", version=FIX50SP2)
    assert found == Fault(
        GROUP_COUNT_INCORRECT, 386, "NoTradingSessions(386) is '3', and 2 entries are there"
    )


def test_fixt_judges_its_own_messages() -> None:
    """999 is a field of FIX 5.0 SP2, and not of the session layer."""
    session = fault("999=HI", "0", version=FIX50SP2)
    application = fault(f"{ORDER}|2104=1", version=FIX50SP2)
    assert session is not None
    assert application is not None
    assert (session.reason, session.ref_tag) == (INVALID_TAG_NUMBER, 999)
    assert application.reason == NOT_OF_THIS_MESSAGE
    text = fault("58=HI", "0", version=FIX50SP2)
    assert text is not None
    assert (text.reason, text.ref_tag) == (NOT_OF_THIS_MESSAGE, 58)


def test_what_a_group_entry_requires_is_there_in_each() -> None:
    book = "262=1|55=INTC|268=2|269=0|270=1|{}270=2"
    assert finding(book.format("269=1|"), "W") is None
    assert finding(book.format("").replace("268=2", "268=1"), "W") == (TAG_REPEATED, 270)
    listed = "66=L|394=1|68=1|73=2|11=a|67=1|55=X|54=1|40=1|11=b|{}55=X|54=1|40=1"
    assert finding(listed.format("67=2|"), "E") is None
    found = fault(listed.format(""), "E")
    assert found == Fault(REQUIRED_TAG_MISSING, 67, "ListSeqNo(67) is missing in an entry of NoOrders(73)")


def test_an_optional_component_requires_its_fields_where_it_is_used() -> None:
    entry = "262=1|268=1|279=0|269=0|270=1"
    assert finding(entry, "X") is None
    assert finding(f"{entry.replace('|270=1', '')}|55=INTC|207=XNAS|270=1", "X") is None
    assert finding(f"{entry.replace('|270=1', '')}|207=XNAS|270=1", "X") == (REQUIRED_TAG_MISSING, 55)


def test_the_header_has_a_group() -> None:
    assert fault("", "0", header="627=1|628=HUB|629=20260105-00:00:00") is None
    found = fault("", "0", header="627=2|628=HUB")
    assert found == Fault(GROUP_COUNT_INCORRECT, 627, "NoHops(627) is '2', and 1 entries are there")


def test_without_the_groups_rule_their_fields_are_taken_anywhere() -> None:
    lax = Validation(unknown_tags=True, values=True)
    assert finding(f"{ORDER}|{PARTY}", validation=lax) is None
    assert finding(f"{ORDER}|453=3|447=D|448=A|452=~", validation=lax) == (VALUE_INCORRECT, 452)


# Messages


def test_2q_a_message_that_the_specification_has_not() -> None:
    found = fault("", "*")
    assert found == Fault(INVALID_MSG_TYPE, 35, "MsgType(35) '*' is not a message of the specification")
    assert fault("", "q", version=FIX42) is not None
    assert fault("", "*", validation=Validation.FRAMING) is None


def test_a_users_own_message_has_a_header_and_a_trailer() -> None:
    assert finding("6001=x", "U1") is None
    assert finding("58=x", "U1") == (NOT_OF_THIS_MESSAGE, 58)


def test_made_up_message_types_do_not_fill_the_memory() -> None:
    known = load(FIX42)
    for number in range(2_500):
        known.fault(message("", f"U{number}", FIX42), Validation.FULL)
    assert len(known._plans) <= 1_000


def test_fixt_has_the_session_layer_of_its_own() -> None:
    logon = "98=0|108=30|1137=9|553=desk|554=secret|925=new"
    assert fault(logon, "A", version=FIX50SP2) is None
    found = fault(logon.replace("|1137=9", ""), "A", version=FIX50SP2)
    assert found == Fault(REQUIRED_TAG_MISSING, 1137, "DefaultApplVerID(1137) is missing in Logon(A)")
    assert finding("98=0|108=30|925=new", "A") == (NOT_OF_THIS_MESSAGE, 925)  # UserRequest has it
    assert finding("98=0|108=30|553=desk|554=secret", "A") is None
    old = fault("98=0|108=30|553=desk", "A", version=FIX42)
    assert old is not None
    assert (old.reason, old.ref_tag) == (INVALID_TAG_NUMBER, 553)


def test_a_reject_may_name_any_type_of_message() -> None:
    for version in VERSIONS.values():
        assert fault("45=2|372=*", "3", version=version) is None


# A venue's own fields


def test_a_custom_field_is_taken_with_its_type_where_it_is_agreed() -> None:
    venue = Validation(
        unknown_tags=True, user_tags=True, types=True, values=True, repeated_tags=True,
        custom=((6001, "int", ("D", "G")), (851, "String", ("D",)), (9_001, "Boolean", ())),
    )  # fmt: skip
    assert finding(f"{ORDER}|6001=5|9001=Y", validation=venue) is None
    assert finding(f"{ORDER}|6001=x", validation=venue) == (INCORRECT_FORMAT, 6001)
    assert finding(f"{ORDER}|6001=5|6001=6", validation=venue) == (TAG_REPEATED, 6001)
    assert finding(f"{ORDER}|9001=y", validation=venue) == (INCORRECT_FORMAT, 9001)
    assert finding("6001=5", "0", venue) == (INVALID_TAG_NUMBER, 6001)
    assert finding(f"{ORDER}|851=maker", validation=venue) is None  # the venue's, not the specification's
    assert finding("851=maker", "8", venue) == (INCORRECT_FORMAT, 851)
    assert finding(f"{ORDER}|453=1|448=A|6001=5|447=D|452=1", validation=venue) is None


def test_a_custom_field_of_a_message_has_the_venues_type_there() -> None:
    venue = Validation(types=True, values=True, custom=((59, "String", ("D",)),))
    assert finding(f"{ORDER}|59=GTX2", validation=venue) is None
    assert finding(f"{ORDER}|59=GTX2", validation=Validation(types=True)) == (INCORRECT_FORMAT, 59)


def test_custom_fields_are_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=re.escape("custom tag 6001: type 'decimal' is none of String, data, char")
    ):
        Validation(custom=((6001, "decimal", ()),))
    with pytest.raises(ValueError, match="custom tag 0 must be at least 1"):
        Validation(custom=((0, "int", ()),))


# Rules and texts


def test_each_rule_can_be_left_out() -> None:
    broken = {
        "required": "40=1|54=1|21=3|11=id|55=X", "values": f"{ORDER}|59=~", "types": f"{ORDER}|44=x",
        "groups": f"{ORDER}|453=1", "unknown_tags": f"{ORDER}|112=x", "user_tags": f"{ORDER}|5000=x",
        "field_order": f"{ORDER}|50=x", "empty_values": f"{ORDER}|58=", "repeated_tags": f"{ORDER}|54=1",
    }  # fmt: skip
    for rule, body in broken.items():
        alone = Validation(**{"empty_values": False, rule: True})
        assert finding(body, validation=alone) is not None, rule
        others = Validation(**{name: name != rule for name in (*broken, "msg_types")})
        assert finding(body, validation=others) is None, rule


TEXTS = [
    (f"{ORDER}|999=x", "Tag(999) is not a field of the specification"),
    (f"40=1|{TIME}|54=1|21=3|11=id", "Symbol(55) is missing in NewOrderSingle(D)"),
    (f"{ORDER}|112=x", "TestReqID(112) is no field of NewOrderSingle(D)"),
    (f"{ORDER}|448=A", "PartyID(448) is outside its group NoPartyIDs(453)"),
    (f"{ORDER}|58=", "Text(58) is empty"),
    (f"{ORDER}|59=~", "TimeInForce(59) '~' is not one of its values"),
    (f"{ORDER}|44=1e5", "Price(44) '1e5' is not of type Price"),
    (f"{ORDER}|54=1", "Side(54) appears twice"),
    (f"{ORDER}|50=x", "SenderSubID(50) is late: the order is header, body, trailer"),
    (f"{ORDER}|355=x", "EncodedText(355) does not follow its length EncodedTextLen(354)"),
    (f"{ORDER}|453=1|452=1|448=A", "PartyRole(452) comes before PartyID(448), which begins an entry"),
    (
        f"{ORDER}|453=1|448=A|452=1|447=D",
        "PartyIDSource(447) comes after PartyRole(452), which it must precede",
    ),
    (f"{ORDER}|453=2|448=A|447=D", "NoPartyIDs(453) is '2', and 1 entries are there"),
    (f"{ORDER}|453=2|448=A|447=D|448=B|447=~", "PartyIDSource(447) '~' is not one of its values"),
    (f"{ORDER}|-1=x", "'-1' is not a tag number"),
    (f"{ORDER}|354=9|355=x", "EncodedText(355) does not end where its length field says"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_a_text_names_field_value_and_rule(body: str, text: str) -> None:
    found = fault(body)
    assert found is not None
    assert found.text == text


def test_the_specification_has_words_for_every_reason_that_is_given() -> None:
    given = {finding(body) for body, _ in TEXTS} | {finding("", "*")}
    assert {found[0] for found in given if found is not None} <= set(REASONS)


# Types


FORM_CASES = {
    "char": ("a ~", "ab"),
    "Boolean": ("Y N", "y 1 YN"),
    "int": ("0 -5 007 123456789012345678", "+5 5.0 - 1- x"),
    "Length": ("0 12", "-1 x"),
    "DayOfMonth": ("1 01 31", "0 32 001 x"),
    "float": ("1 -1.5 .5 5. 00.10", "+1 1e5 . - -. 1.2.3 1,5 --1"),
    "MultipleCharValue": ("a|a b", "ab|a  b|a | a"),
    "MultipleStringValue": ("ab|ab cd|a", "ab  cd|ab | ab"),
    "Country": ("GB US", "gb GBR G"),
    "Currency": ("USD BTC", "usd US USDT"),
    "Exchange": ("XNAS N XLIT1", "X\x7f"),
    "Language": ("en", "EN eng"),
    "MonthYear": ("202602 20260228 202602w1 202602w5", "202613 20260229 202602w6 202602w0 2026 x02602"),
    "UTCTimestamp": (
        "20260105-00:00:00 20260105-23:59:60 20260105-00:00:00.123 20260105-00:00:00.123456"
        " 20260105-00:00:00.123456789 20260105-00:00:00.123456789012 20240229-12:00:00",
        "20260105 20260105-24:00:00 20260105-00:60:00 20260105-00:00:61 20260229-00:00:00 20261301-00:00:00"
        " 20260105-00:00:00. 20260105-00:00:00.1 20260105-00:00:00.1234 20260105-00:00:00.1234567890123456"
        " 20260105T00:00:00 20260105-00:00 2026010-000:00:00 20260105-00.00:00 20260105-00:00:00.12x",
    ),
    "UTCTimeOnly": ("00:00:00 23:59:60.123", "24:00:00 00:00 0:00:00 00:00:00.12"),
    "UTCDateOnly": ("20260105 20240229", "20260229 2026015 202601055 20260100 20260431"),
    "LocalMktDate": ("20260105", "20261301"),
    "LocalMktTime": ("09:30:00", "09:30 09:30:00.123"),
    "TZTimeOnly": (
        "07:39Z 07:39 07:39:00Z 07:39:00.123-05 07:39+05:30",
        "07:39z 07:60Z 07:39+15 07:39+05:60 07Z 7:39Z",
    ),
    "TZTimestamp": (
        "20260105-07:39Z 20260105-07:39:12.123+05:30 20260105-07:39-08",
        "20260105 20260105-07Z 20260105-07:39+5 20261305-07:39Z 20260105-07:39+05:3 20260105-07:39+05:",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORM_CASES)
def test_each_type_has_its_form(name: str) -> None:
    for text, good in zip(FORM_CASES[name], (True, False), strict=True):
        for value in text.split("|" if name.startswith("Multiple") else " "):
            wire = value.encode("latin-1")
            assert conforms(FORMS[name], wire, 0, len(wire)) is good, value
            assert conforms_plainly(name, wire) is good, value


def test_strings_and_data_have_every_form() -> None:
    assert conforms(FORMS["String"], b"\xff any", 0, 5)
    assert conforms(FORMS["data"], b"\x01\x00", 0, 2)


def test_types_of_one_form_have_it_alike() -> None:
    for names in (
        ("Length", "NumInGroup", "SeqNum", "TagNum"),
        ("float", "Qty", "Price", "PriceOffset", "Amt", "Percentage"),
    ):
        for name in names:
            assert conforms(FORMS[name], b"12", 0, 2)
            assert not conforms(FORMS[name], b"x", 0, 1)
            assert conforms(FORMS[name], b"-1", 0, 2) is (names[0] == "float")


def test_a_dictionary_is_the_same_for_every_session_of_a_version() -> None:
    assert isinstance(load(FIX50SP2), Dictionary)
    assert load(FIX50SP2) is not load(FIX44)
