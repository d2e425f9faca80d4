"""The order in which fields leave: header, body and trailer, each by ascending tag; a repeating group stays
together behind its count, its members in the dictionary's order.

FIX itself asks for no order in the body, but scripts compare text. 8, 9 and 35 lead (FIX 4.4 volume 2,
"Message format"); a Signature's length leads it, and CheckSum comes last.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from router.fix import tags
from router.fix.codec import Garbled, Message, check_sum, parse
from router.fix.dictionary import GroupOrder

Field = tuple[int, bytes]

HEADER: Final = frozenset(
    {8, 9, 35, 34, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 212, 213}
    | {347, 369, 370, 627, 628, 629, 630, 1128, 1129, 1156}
)
TRAILER: Final = (93, 89)  # SignatureLength, Signature; CheckSum follows
_LEADS: Final = frozenset({tags.BEGIN_STRING, tags.BODY_LENGTH, tags.MSG_TYPE, tags.CHECK_SUM})


Groups = Mapping[int, GroupOrder]
"""Repeating groups by their counting field; `tags` of one are its fields in the dictionary's order."""


def arranged(raw: bytes, groups: Groups) -> bytes:
    """The message with its fields in order, and 9 and 10 made right."""
    message = parse(raw)
    if isinstance(message, Garbled):
        raise ValueError(f"our own message is garbled: {message.reason}")
    return arranged_message(message, groups)


def arranged_message(message: Message, groups: Groups) -> bytes:
    fields = [field for field in message.fields() if field[0] not in _LEADS]
    header = [field for field in fields if field[0] in HEADER]
    trailer = [field for tag in TRAILER for field in fields if field[0] == tag]
    body = [field for field in fields if field[0] not in HEADER and field[0] not in TRAILER]
    begin = message.get(tags.BEGIN_STRING) or b""
    rest = b"35=%b\x01%b%b%b" % (
        message.msg_type, wire(by_tag(header, groups)), wire(by_tag(body, groups)), wire(trailer),
    )  # fmt: skip
    head = b"8=%b\x019=%d\x01%b" % (begin, len(rest), rest)
    return b"%b10=%03d\x01" % (head, check_sum(head))


def wire(fields: Iterable[Field]) -> bytes:
    """Fields as bytes, each closed by its delimiter."""
    return b"".join(b"%d=%b\x01" % field for field in fields)


def by_tag(fields: list[Field], groups: Groups) -> list[Field]:
    """By ascending tag; what follows a group's count and belongs to it stays behind it."""
    units = sorted(_units(_Ahead(fields), groups), key=lambda unit: unit[0][0])
    return [field for unit in units for field in unit]


class _Ahead:
    """Fields with a look at the next one."""

    __slots__ = ("at", "fields")

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self.at = 0

    def __iter__(self) -> "_Ahead":
        return self

    def __next__(self) -> Field:
        if self.at >= len(self.fields):
            raise StopIteration
        self.at += 1
        return self.fields[self.at - 1]

    def tag(self) -> int:
        """The next field's tag, 0 at the end."""
        return self.fields[self.at][0] if self.at < len(self.fields) else 0


def _units(ahead: _Ahead, groups: Groups) -> Iterator[list[Field]]:
    """Each field, or each group with its count."""
    for field in ahead:
        group = groups.get(field[0])
        yield [field] if group is None else [field, *_group(ahead, group)]


def _group(ahead: _Ahead, group: GroupOrder) -> Iterator[Field]:
    """All entries of a group: each begins with the tag that the first one begins with."""
    rank = {tag: place for place, tag in enumerate(group.tags)}
    delimiter = ahead.tag()
    while ahead.tag() == delimiter and delimiter in rank:
        entry: list[list[Field]] = []
        while ahead.tag() in rank and not (entry and ahead.tag() == delimiter):
            field = next(ahead)
            inner = group.groups.get(field[0])
            entry.append([field] if inner is None else [field, *_group(ahead, inner)])
        entry.sort(key=lambda unit: rank[unit[0][0]])
        for unit in entry:
            yield from unit
