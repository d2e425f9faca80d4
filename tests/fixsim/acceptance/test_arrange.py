"""The order of fields: header, body and trailer by ascending tag, groups as the dictionary has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.acceptance.arrange import arranged
from router.fix.codec import Message, parse
from router.fix.dictionary import load
from router.fix.versions import FIX44
from tests.fixsim.acceptance.peer import framed

GROUPS = load(FIX44).group_order(b"D")


def text(raw: bytes) -> str:
    """Without 8, 9 and 10."""
    message = parse(raw)
    assert isinstance(message, Message), message
    return "|".join(f"{tag}={value.decode()}" for tag, value in message.fields() if tag not in (8, 9, 10))


def test_the_header_comes_first_and_each_part_ascends() -> None:
    raw = framed("35=D|56=B|49=A|34=7|60=T|97=Y|11=x|122=U|55=S|54=1|38=5|")
    assert text(arranged(raw, {})) == "35=D|34=7|49=A|56=B|97=Y|122=U|11=x|38=5|54=1|55=S|60=T"


def test_a_group_stays_behind_its_count_in_the_dictionarys_order() -> None:
    raw = framed("35=D|34=1|55=S|453=2|448=A|452=1|447=D|448=B|447=C|11=x|")
    assert text(arranged(raw, GROUPS)) == "35=D|34=1|11=x|55=S|453=2|448=A|447=D|452=1|448=B|447=C"


def test_a_group_within_a_group_stays_with_its_entry() -> None:
    raw = framed("35=D|34=1|453=2|448=A|802=2|523=s|803=4|523=t|803=5|452=1|448=B|54=1|11=x|")
    wanted = "35=D|34=1|11=x|54=1|453=2|448=A|452=1|802=2|523=s|803=4|523=t|803=5|448=B"
    assert text(arranged(raw, GROUPS)) == wanted


def test_a_count_of_zero_has_no_entries() -> None:
    raw = framed("35=D|34=1|55=S|453=0|11=x|")
    assert text(arranged(raw, GROUPS)) == "35=D|34=1|11=x|55=S|453=0"


def test_a_signatures_length_leads_it_at_the_end() -> None:
    raw = framed("35=D|34=1|11=x|93=3|89=a\x01b|")
    assert arranged(raw, {}).endswith(b"\x0193=3\x0189=a\x01b\x0110=" + arranged(raw, {})[-4:])


def test_data_keeps_its_delimiters() -> None:
    raw = framed("35=D|34=1|11=y|95=5|96=a\x01b=c|")
    assert b"\x0195=5\x0196=a\x01b=c\x01" in arranged(raw, {})


def test_what_is_no_message_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="garbled"):
        arranged(b"8=FIX.4.4\x019=5\x0135=0\x01", {})


FIELDS = st.lists(
    st.tuples(
        st.sampled_from([1, 11, 38, 54, 55, 58, 453, 448, 447, 452, 802, 523, 803, 78, 79, 80, 115, 128]),
        st.text("ab1", min_size=1, max_size=3),
    ),
    max_size=20,
)


@given(FIELDS)
def test_nothing_is_lost_or_made_whatever_the_order(fields: list[tuple[int, str]]) -> None:
    raw = framed("35=D|34=1|" + "".join(f"{tag}={value}|" for tag, value in fields))
    once = arranged(raw, GROUPS)
    assert sorted(text(once).split("|")) == sorted(text(raw).split("|"))
