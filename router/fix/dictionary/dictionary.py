"""What a version's fields and messages are called, and whether a received message is one of them."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

from router.fix import fault as reasons
from router.fix.codec import Message
from router.fix.decimals import show
from router.fix.dictionary.plain import Walk
from router.fix.dictionary.plan import Place, place_of
from router.fix.dictionary.tables import Tables, read
from router.fix.dictionary.validation import MSG_TYPES, Custom, Validation
from router.fix.fault import Fault
from router.fix.versions import Version

_FILES: Final = {"FIX.4.2": ("fix42",), "FIX.4.4": ("fix44",), "FIX.5.0SP2": ("fix50sp2", "fixt11")}
_MSG_TYPE: Final = 35


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """How a repeating group is written: its fields in order, and the groups inside by their counting tag."""

    count_tag: int
    tags: tuple[int, ...]
    groups: dict[int, GroupOrder]


class Dictionary:
    """One version, application and session layer together."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._kinds = {made.tag: made.type for made in tables.fields.values()}
        self._value_names = {made.tag: dict(made.values) for made in tables.fields.values() if made.values}
        self._places: dict[tuple[bytes, tuple[Custom, ...]], tuple[Place, dict[int, str]]] = {}

    def tag_name(self, tag: int) -> str | None:
        """`Side` for 54."""
        made = self._tables.fields.get(tag)
        return None if made is None else made.name

    def value_name(self, tag: int, wire: bytes) -> str | None:
        """`Buy` for Side(54) 1; of several values in one field the names of all, if all have one."""
        names = self._value_names.get(tag)
        if names is None:
            return None
        text = wire.decode("latin-1")
        name = names.get(text)
        if name is None and self._kinds[tag].startswith("Multiple"):
            words = [names.get(word) for word in text.split(" ")]
            return " ".join(word for word in words if word) if all(words) else None
        return name

    def message_name(self, msg_type: bytes) -> str | None:
        """`NewOrderSingle` for D."""
        message = self._tables.messages.get(msg_type.decode("latin-1"))
        return None if message is None else message.name

    def knows(self, msg_type: bytes) -> bool:
        return msg_type.decode("latin-1") in self._tables.messages

    def is_admin(self, msg_type: bytes) -> bool:
        """Whether this is a message of the session layer."""
        message = self._tables.messages.get(msg_type.decode("latin-1"))
        return message is not None and message.is_admin

    def group_order(self, msg_type: bytes) -> dict[int, GroupOrder]:
        """The repeating groups of a message's header and body by their counting field."""
        return _orders(self._place(msg_type, ())[0])

    def fault(self, message: Message, validation: Validation) -> Fault | None:
        """The first rule of `validation` that a message breaks, or None. Framing's own faults come first."""
        if message.fault >= 0:
            fault = _framing_fault(self, message)
            if fault is not None:
                return fault
        known = self.knows(message.msg_type)
        if validation.bits & MSG_TYPES and not known and not message.msg_type.startswith(b"U"):
            text = f"MsgType(35) {show(message.msg_type)} is not a message of the specification"
            return Fault(reasons.INVALID_MSG_TYPE, _MSG_TYPE, text)
        place, kinds = self._place(message.msg_type, validation.custom)
        found = Walk(self._tables, kinds, place, message, validation.bits).find()
        return None if found is None else self._told(message, *found)

    def _place(self, msg_type: bytes, custom: tuple[Custom, ...]) -> tuple[Place, dict[int, str]]:
        made = self._places.get((msg_type, custom))
        if made is None:
            kinds = {**self._kinds, **{tag: kind for tag, kind, _ in custom}}
            made = place_of(self._tables, msg_type.decode("latin-1"), custom), kinds
            if len(self._places) > 1000:
                self._places.clear()
            self._places[(msg_type, custom)] = made
        return made

    def _name(self, tag: int) -> str:
        return f"{self.tag_name(tag) or 'Tag'}({tag})"

    def _told(self, message: Message, reason: int, tag: int, other: int) -> Fault:
        """A finding in words: field, value and rule."""
        name = self._name(tag)
        value = show(message.get(tag) or b"")
        kind = self.message_name(message.msg_type) or "MsgType"
        title = f"{kind}({message.msg_type.decode('latin-1')})"
        match reason:
            case reasons.INVALID_TAG_NUMBER:
                text = f"{name} is not a field of the specification"
            case reasons.REQUIRED_TAG_MISSING:
                text = f"{name} is missing" + (f" in an entry of {self._name(other)}" if other else "")
            case reasons.NOT_OF_THIS_MESSAGE:
                text = (
                    f"{name} stands outside its group {self._name(other)}"
                    if other
                    else f"{name} is no field of {title}"
                )
            case reasons.TAG_WITHOUT_VALUE:
                text = f"{name} is empty"
            case reasons.VALUE_INCORRECT:
                text = f"{name} {value} is not one of its values"
            case reasons.INCORRECT_FORMAT:
                text = f"{name} {value} is no {self._kinds.get(tag, 'value of its type')}"
            case reasons.TAG_REPEATED:
                text = f"{name} appears twice"
            case reasons.TAG_OUT_OF_ORDER:
                text = (
                    f"{name} does not follow its length {self._name(other)}"
                    if other
                    else (f"{name} stands after fields that it must precede: header, body, trailer")
                )
            case reasons.GROUP_OUT_OF_ORDER:
                text = f"{name} stands before {self._name(other)}: a group's fields have an order"
            case _:
                text = f"{name} announces {value}, and {other} entries follow"
        return Fault(reason, tag, text)


def _framing_fault(dictionary: Dictionary, message: Message) -> Fault | None:
    """What the framer found first, unless it is an empty field, which `Walk` looks at."""
    tag, reason = divmod(message.fault, 256)
    if reason == reasons.INCORRECT_FORMAT:
        name = f"{dictionary.tag_name(tag) or 'Tag'}({tag})"
        return Fault(reason, tag, f"{name} does not end where its length field says")
    bad = _bad_tag(message)
    if bad is None:
        return None
    number = int(bad) if bad.lstrip(b"-").isdigit() and len(bad) < 10 else 0
    return Fault(reasons.INVALID_TAG_NUMBER, number, f"{show(bad)} is no tag number")


def _bad_tag(message: Message) -> bytes | None:
    """The tag of the first field that has no valid one: such fields are gaps between the located ones."""
    at = 0
    for tag, low, high in message.tok[: message.count].tolist():
        start = low - len(str(tag)) - 1
        if start > at:
            return message.raw[at:start].partition(b"=")[0]
        at = high + 1
    return None


def _orders(place: Place) -> dict[int, GroupOrder]:
    return {
        slot.tag: GroupOrder(slot.tag, tuple(inner.tag for inner in slot.group.slots), _orders(slot.group))
        for slot in place.slots
        if slot.group is not None
    }


def text_of(name: str) -> str:
    """The text of one table, as `tables.read` takes it; a large one is compressed."""
    folder = resources.files(__package__) / "tables"
    plain = folder / f"{name}.txt"
    if plain.is_file():
        return plain.read_text("utf-8")
    return lzma.decompress((folder / f"{name}.txt.xz").read_bytes()).decode()


@lru_cache
def _dictionary(name: str) -> Dictionary:
    application, *session = [read(text_of(file)) for file in _FILES[name]]
    for layer in session:
        application = layer.over(application)
    return Dictionary(application)


def load(version: Version) -> Dictionary:
    """The dictionary of a version; read once."""
    return _dictionary(version.name)
