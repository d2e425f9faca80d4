"""Messages drawn from a dictionary: what its tables allow, and changes that each break one rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from router.fix.codec import Message, byte_sum, parse
from router.fix.dictionary.plan import BODY, HEADER, TRAILER, Place, Slot, place_of
from router.fix.dictionary.tables import Tables

FORMS: dict[str, tuple[bytes, ...]] = {
    "String": (b"x", b"some text", b"\xe9t\xe9"),
    "data": (b"a\x01b", b"plain", b"\x0110=000\x01"),
    "char": (b"a",),
    "Boolean": (b"Y", b"N"),
    "int": (b"0", b"-3", b"12345"),
    "Length": (b"17",),
    "SeqNum": (b"1", b"0"),
    "TagNum": (b"55",),
    "DayOfMonth": (b"1", b"31"),
    "Country": (b"GB",),
    "Currency": (b"USD",),
    "Exchange": (b"XNAS", b"XLIT1"),
    "Language": (b"en",),
    "MonthYear": (b"202602", b"20260228", b"202602w3"),
    "UTCTimestamp": (b"20260105-00:00:00", b"20260105-00:00:00.123", b"20260105-23:59:60.123456789"),
    "UTCTimeOnly": (b"23:59:59", b"00:00:00.123456"),
    "UTCDateOnly": (b"20240229",),
    "LocalMktDate": (b"20260105",),
    "LocalMktTime": (b"09:30:00",),
    "TZTimeOnly": (b"07:39Z", b"07:39:00.123-05"),
    "TZTimestamp": (b"20260105-07:39+05:30",),
    "MultipleCharValue": (b"a b",),
    "MultipleStringValue": (b"ab c",),
}
DECIMALS = (b"1", b"-0.5", b"00.250", b".5", b"12345678.123456789")
BAD_FORMS: dict[str, bytes] = {
    "char": b"ab", "Boolean": b"T", "int": b"+1", "Length": b"-1", "SeqNum": b"1.0", "TagNum": b"x",
    "NumInGroup": b"-1", "DayOfMonth": b"32", "Country": b"gb", "Currency": b"US", "Exchange": b"X Y",
    "Language": b"english", "MonthYear": b"202613", "UTCTimestamp": b"20260229-00:00:00",
    "UTCTimeOnly": b"24:00:00", "UTCDateOnly": b"20260229", "LocalMktDate": b"20261301",
    "LocalMktTime": b"9:30", "TZTimeOnly": b"07Z", "TZTimestamp": b"20260105",
    "MultipleCharValue": b"ab", "MultipleStringValue": b"a  b",
    **dict.fromkeys(("float", "Qty", "Price", "PriceOffset", "Amt", "Percentage"), b"1e5"),
}  # fmt: skip
SESSION_HEADER = (8, 9, 35, 49, 56, 34, 52)


@dataclass(slots=True)
class Drawn:
    """One field of a drawn message, and where it stands: its slot, its place, and which entry of it."""

    tag: int
    value: bytes
    slot: Slot
    place: Place
    entry: object


@dataclass(slots=True)
class Draft:
    """A message as its fields, from after MsgType to before CheckSum."""

    tables: Tables
    begin_string: bytes
    msg_type: str
    fields: list[Drawn]

    def message(self, fields: list[tuple[int, bytes]] | None = None) -> Message:
        pairs = [(drawn.tag, drawn.value) for drawn in self.fields] if fields is None else fields
        body = b"35=" + self.msg_type.encode() + b"\x01"
        body += b"".join(b"%d=%b\x01" % pair for pair in pairs)
        head = b"8=%b\x019=%d\x01" % (self.begin_string, len(body)) + body
        made = parse(head + b"10=%03d\x01" % (byte_sum(head) & 255))
        assert isinstance(made, Message)
        return made

    def pairs(self) -> list[tuple[int, bytes]]:
        return [(drawn.tag, drawn.value) for drawn in self.fields]


def drafts(tables: Tables, begin_string: bytes, msg_types: list[str]) -> st.SearchStrategy[Draft]:
    """Valid messages of these types."""
    drawing = _Drawing(
        tables,
        {made.data_tag: made.tag for made in tables.fields.values() if made.data_tag},
    )
    places = {kind: place_of(tables, kind) for kind in msg_types}

    @st.composite
    def draw_draft(draw: st.DrawFn) -> Draft:
        msg_type = draw(st.sampled_from(msg_types))
        place = places[msg_type]
        fields = [drawn for drawn in drawing.fields(draw, place, 0) if drawn.tag not in (8, 9, 35, 10)]
        return Draft(tables, begin_string, msg_type, fields)

    return draw_draft()


@dataclass(frozen=True, slots=True)
class _Drawing:
    tables: Tables
    lengths: dict[int, int]

    def fields(self, draw: st.DrawFn, place: Place, depth: int) -> list[Drawn]:
        """The fields of a place: what is required, something of the rest, and what that requires in turn."""
        entry = object()
        wanted = {index for index, slot in enumerate(place.slots) if slot.required and not slot.unit}
        if place.count_tag:
            wanted.add(0)
        few = st.lists(st.integers(0, len(place.slots) - 1), max_size=(6, 5, 2, 2)[depth])
        wanted |= set(draw(few))
        tables, lengths = self.tables, self.lengths
        index_of = {slot.tag: index for index, slot in enumerate(place.slots)}
        done: set[int] = set()
        while wanted - done:
            index = min(wanted - done)
            done.add(index)
            slot = place.slots[index]
            made = tables.fields[slot.tag]
            for partner in (made.data_tag, lengths.get(slot.tag, 0)):
                if partner in index_of:
                    wanted.add(index_of[partner])
            units, unit = {0}, slot.unit
            while unit:
                units.add(unit)
                unit = place.outer_units[unit]
            wanted |= {at for at, other in enumerate(place.slots) if other.required and other.unit in units}
        found: list[Drawn] = []
        for index in sorted(wanted):
            slot = place.slots[index]
            made = tables.fields[slot.tag]
            if made.data_tag in index_of or (made.type == "data" and lengths[slot.tag] not in index_of):
                continue  # a length is written with its data; neither of them alone
            if made.type == "data":
                value = draw(st.sampled_from(FORMS["data"]))
                length = place.slots[index_of[lengths[slot.tag]]]
                found.append(Drawn(length.tag, b"%d" % len(value), length, place, entry))
                found.append(Drawn(slot.tag, value, slot, place, entry))
            elif slot.group is not None:
                count = draw(st.integers(0, 2)) if depth < 3 else 0
                count = max(count, 1) if tables.fields[slot.tag].values else count
                found.append(Drawn(slot.tag, b"%d" % count, slot, place, entry))
                for _ in range(count):
                    found += self.fields(draw, slot.group, depth + 1)
            else:
                found.append(Drawn(slot.tag, draw(values(tables, slot.tag)), slot, place, entry))
        return found


def values(tables: Tables, tag: int) -> st.SearchStrategy[bytes]:
    """Any value that a field may have."""
    made = tables.fields[tag]
    listed = [wire.encode() for wire, _ in made.values]
    if made.floor.endswith("+"):
        listed.append(made.floor[:-1].encode())
    elif made.floor:
        listed += FORMS.get(made.floor, DECIMALS)
    if listed and made.type.startswith("Multiple"):
        return st.lists(st.sampled_from(listed), min_size=1, max_size=3).map(b" ".join)
    return st.sampled_from(listed or list(FORMS.get(made.type, DECIMALS)))


Change = Callable[[st.DrawFn, Draft], tuple[Message, int, int] | None]
"""Breaks one rule: the message, the reason and the tag that must be found; None where it cannot be broken."""


def _pick(draw: st.DrawFn, draft: Draft, good: Callable[[Drawn], bool]) -> int | None:
    found = [index for index, drawn in enumerate(draft.fields) if good(drawn)]
    return draw(st.sampled_from(found)) if found else None


def bad_tag(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    at = draw(st.integers(0, len(draft.fields)))
    if at < len(draft.fields) and draft.tables.fields[draft.fields[at].tag].type == "data":
        return None  # it would stand between the data and its length, which is found later
    tag = draw(st.integers(1, 4_999).filter(lambda tag: tag not in draft.tables.fields))
    pairs = draft.pairs()
    pairs.insert(at, (tag, b"x"))
    return draft.message(pairs), 0, tag


def required_missing(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    """Of the message, and not one that a session needs to know whose it is."""
    at = _pick(
        draw, draft, lambda drawn: drawn.slot.required and not drawn.place.count_tag
        and drawn.slot.group is None and not drawn.slot.unit and draft.tables.fields[drawn.tag].type != "data"
        and not draft.tables.fields[drawn.tag].data_tag,
    )  # fmt: skip
    if at is None:
        return None
    pairs = draft.pairs()
    tag, _ = pairs.pop(at)
    return draft.message(pairs), 1, tag


def not_of_this_message(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    own = _tags(place_of(draft.tables, draft.msg_type))
    is_admin = draft.tables.messages[draft.msg_type].is_admin
    known = draft.tables.session_tags if is_admin else set(draft.tables.fields)
    tag = draw(st.sampled_from(sorted(known - own)))
    if draft.tables.fields[tag].data_tag or draft.tables.fields[tag].type == "data":
        return None
    pairs = [*draft.pairs(), (tag, b"1")]
    return draft.message(pairs), 2, tag


def _tags(place: Place) -> set[int]:
    return {slot.tag for slot in place.slots}.union(
        *(_tags(slot.group) for slot in place.slots if slot.group)
    )


def empty(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    at = _pick(draw, draft, lambda drawn: draft.tables.fields[drawn.tag].type not in ("data", "Length"))
    if at is None:
        return None
    pairs = draft.pairs()
    pairs[at] = (pairs[at][0], b"")
    return draft.message(pairs), 4, pairs[at][0]


def not_in_the_list(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    unlisted = {"char": b"~", "int": b"-999", "String": b"~no~", "MultipleCharValue": b"~"}
    unlisted |= {"MultipleStringValue": b"~no~", "NumInGroup": b"999"}
    at = _pick(
        draw, draft, lambda drawn: bool(draft.tables.fields[drawn.tag].values)
        and draft.tables.fields[drawn.tag].type in unlisted,
    )  # fmt: skip
    if at is None:
        return None
    pairs = draft.pairs()
    tag = pairs[at][0]
    pairs[at] = (tag, unlisted[draft.tables.fields[tag].type])
    return draft.message(pairs), 5, tag


def bad_form(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    at = _pick(
        draw, draft, lambda drawn: draft.tables.fields[drawn.tag].type in BAD_FORMS
        and not draft.tables.fields[drawn.tag].data_tag,
    )  # fmt: skip
    if at is None:
        return None
    pairs = draft.pairs()
    tag = pairs[at][0]
    pairs[at] = (tag, BAD_FORMS[draft.tables.fields[tag].type])
    return draft.message(pairs), 6, tag


def repeated(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    """A field that is not an entry's first one, right after itself."""
    at = _pick(
        draw, draft, lambda drawn: drawn.slot.group is None and draft.tables.fields[drawn.tag].type != "data"
        and not draft.tables.fields[drawn.tag].data_tag
        and not (drawn.place.count_tag and drawn.tag == drawn.place.first_tag),
    )  # fmt: skip
    if at is None:
        return None
    pairs = draft.pairs()
    pairs.insert(at, pairs[at])
    return draft.message(pairs), 13, pairs[at][0]


def out_of_order(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    """A field of the header at the end of the body."""
    if all(drawn.slot.section != BODY or drawn.place.count_tag for drawn in draft.fields):
        return None
    at = _pick(
        draw, draft, lambda drawn: drawn.slot.section == HEADER and not drawn.place.count_tag
        and drawn.slot.group is None and draft.tables.fields[drawn.tag].type not in ("data", "Length"),
    )  # fmt: skip
    if at is None:
        return None
    pairs = draft.pairs()
    moved = pairs.pop(at)
    trailer = sum(drawn.slot.section == TRAILER and not drawn.place.count_tag for drawn in draft.fields)
    pairs.insert(len(pairs) - trailer, moved)
    return draft.message(pairs), 14, moved[0]


def group_out_of_order(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    """A field of an entry goes before an earlier one, which is then late; neither is the first, nor data."""

    def moves(drawn: Drawn) -> bool:
        kind = draft.tables.fields[drawn.tag].type
        plain = drawn.slot.group is None and kind not in ("data", "Length")
        return plain and bool(drawn.place.count_tag) and drawn.tag != drawn.place.first_tag

    movable = [index for index, drawn in enumerate(draft.fields) if moves(drawn)]
    pairs_of = [
        (early, late)
        for early in movable
        for late in movable
        if early < late and draft.fields[early].entry is draft.fields[late].entry
    ]
    if not pairs_of:
        return None
    early, late = draw(st.sampled_from(pairs_of))
    pairs = draft.pairs()
    pairs.insert(early, pairs.pop(late))
    return draft.message(pairs), 15, pairs[early + 1][0]


def wrong_count(draw: st.DrawFn, draft: Draft) -> tuple[Message, int, int] | None:
    at = _pick(
        draw, draft, lambda drawn: drawn.slot.group is not None and not draft.tables.fields[drawn.tag].values
    )
    if at is None:
        return None
    pairs = draft.pairs()
    tag, value = pairs[at]
    pairs[at] = (tag, b"%d" % (int(value) + draw(st.sampled_from([1, 2, -1] if int(value) else [1, 2]))))
    return draft.message(pairs), 16, tag


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        bad_tag, required_missing, not_of_this_message, empty, not_in_the_list, bad_form, repeated,
        out_of_order, group_out_of_order, wrong_count,
    )
}  # fmt: skip
