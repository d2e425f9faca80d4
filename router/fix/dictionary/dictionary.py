"""What a version's fields and messages are called, and whether a received message is one of them."""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

from router.fix import fault as reasons
from router.fix.codec import Message
from router.fix.decimals import show
from router.fix.dictionary.kernels import FOUND_ROW, FOUND_TAG, check
from router.fix.dictionary.packing import Integers, Values, plan_of
from router.fix.dictionary.plan import Place, place_of
from router.fix.dictionary.tables import Tables, read
from router.fix.dictionary.validation import MSG_TYPES, Custom, Validation
from router.fix.fault import Fault
from router.fix.versions import Version

_FILES: Final = {"FIX.4.2": ("fix42",), "FIX.4.4": ("fix44",), "FIX.5.0SP2": ("fix50sp2", "fixt11")}
_MSG_TYPE: Final = 35
_USER_TYPES: Final = b"U"  # MsgTypes from U on are the users' own (FIX 4.4 volume 2)
_MAX_PLANS: Final = 1_000
_LONGEST_TAG: Final = 10


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """How a repeating group is written: its fields in order, and the groups inside by their counting tag."""

    count_tag: int
    tags: tuple[int, ...]
    groups: dict[int, GroupOrder]


class _Plan(NamedTuple):
    plan: Integers
    scratch: Integers
    known: bool


class Dictionary:
    """One version, application and session layer together."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._values = Values(tables)
        self._value_names = {made.tag: dict(made.values) for made in tables.fields.values() if made.values}
        self._tags: dict[str, int] = {}
        self._orders: dict[bytes, dict[int, GroupOrder]] = {}
        self._plans: dict[tuple[bytes, tuple[Custom, ...]], _Plan] = {}

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
        if name is None and self._tables.fields[tag].type.startswith("Multiple"):
            words = [names.get(word) for word in text.split(" ")]
            return " ".join(word for word in words if word) if all(words) else None
        return name

    def message_name(self, msg_type: bytes) -> str | None:
        """`NewOrderSingle` for D."""
        message = self._tables.messages.get(msg_type.decode("latin-1"))
        return None if message is None else message.name

    def tag_of(self, name: str) -> int | None:
        """54 for `Side`."""
        if not self._tags:
            self._tags.update((made.name, made.tag) for made in self._tables.fields.values())
        return self._tags.get(name)

    def msg_type_of(self, name: str) -> bytes | None:
        """D for `NewOrderSingle`."""
        found = (made.msg_type for made in self._tables.messages.values() if made.name == name)
        return next((msg_type.encode() for msg_type in found), None)

    def knows(self, msg_type: bytes) -> bool:
        return msg_type.decode("latin-1") in self._tables.messages

    def is_admin(self, msg_type: bytes) -> bool:
        """Whether this is a message of the session layer."""
        message = self._tables.messages.get(msg_type.decode("latin-1"))
        return message is not None and message.is_admin

    def group_order(self, msg_type: bytes) -> dict[int, GroupOrder]:
        """The repeating groups of a message's header and body by their counting tag."""
        if not self.knows(msg_type):
            msg_type = _USER_TYPES  # its header's
        orders = self._orders.get(msg_type)
        if orders is None:
            self._orders[msg_type] = orders = _orders(place_of(self._tables, msg_type.decode("latin-1")))
        return orders

    def fault(self, message: Message, validation: Validation) -> Fault | None:
        """The first rule of `validation` that a message breaks, or None. Framing's own faults come first.

        Fields are looked at in their order; what is missing is found last. `ref_tag` of a tag that is no tag
        number is the number as sent, 0 if it is none.
        """
        if message.fault >= 0:
            fault = self._framing_fault(message)
            if fault is not None:
                return fault
        plan = self._plans.get((message.msg_type, validation.custom))
        if plan is None:
            plan = self._plan(message.msg_type, validation.custom)
        bits = validation.bits
        if not plan.known and bits & MSG_TYPES and not message.msg_type.startswith(_USER_TYPES):
            text = f"MsgType(35) {show(message.msg_type)} is not a message of the specification"
            return Fault(reasons.INVALID_MSG_TYPE, _MSG_TYPE, text)
        codes = self._values.codes
        reason = check(message.raw, message.tok, message.count, plan.plan, codes, plan.scratch, bits)
        return None if reason < 0 else self._told(message, validation, reason, plan.scratch)

    def prepare(self, msg_types: Iterable[bytes], validation: Validation) -> None:
        """Make the plans of these messages now: the first of a type would wait milliseconds for it."""
        for msg_type in msg_types:
            if (msg_type, validation.custom) not in self._plans:
                self._plan(msg_type, validation.custom)

    def _plan(self, msg_type: bytes, custom: tuple[Custom, ...]) -> _Plan:
        text = msg_type.decode("latin-1")
        kinds = {tag: kind for tag, kind, types in custom if not types or text in types}
        place = place_of(self._tables, text, kinds)
        plan, scratch = plan_of(place, self._tables, self._values, kinds, self.is_admin(msg_type))
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()  # a peer that sends made-up types gains nothing
        made = _Plan(plan, scratch, self.knows(msg_type))
        self._plans[(msg_type, custom)] = made
        return made

    def _name(self, tag: int) -> str:
        return f"{self.tag_name(tag) or 'Tag'}({tag})"

    def _told(self, message: Message, validation: Validation, reason: int, scratch: Integers) -> Fault:
        """A finding in words: field, value and rule."""
        tag, other, row = (int(number) for number in scratch[FOUND_TAG : FOUND_ROW + 1])
        name, other_name = self._name(tag), self._name(other)
        _, low, high = message.tok[row].tolist()
        value = show(message.raw[low:high])
        title = f"{self.message_name(message.msg_type) or 'MsgType'}({message.msg_type.decode('latin-1')})"
        match reason:
            case reasons.INVALID_TAG_NUMBER:
                text = f"{name} is not a field of the specification"
            case reasons.REQUIRED_TAG_MISSING:
                text = f"{name} is missing" + (f" in an entry of {other_name}" if other else f" in {title}")
            case reasons.NOT_OF_THIS_MESSAGE:
                text = (
                    f"{name} is outside its group {other_name}" if other else f"{name} is no field of {title}"
                )
            case reasons.TAG_WITHOUT_VALUE:
                text = f"{name} is empty"
            case reasons.VALUE_INCORRECT:
                text = f"{name} {value} is not one of its values"
            case reasons.INCORRECT_FORMAT:
                custom = {number: kind for number, kind, _ in validation.custom}
                kind = custom.get(tag) or self._tables.fields[tag].type
                text = f"{name} {value} is not of type {kind}"
            case reasons.TAG_REPEATED:
                text = f"{name} appears twice"
            case reasons.TAG_OUT_OF_ORDER if other:
                text = f"{name} does not follow its length {other_name}"
            case reasons.TAG_OUT_OF_ORDER:
                text = f"{name} is late: the order is header, body, trailer"
            case reasons.GROUP_OUT_OF_ORDER if other < 0:
                text = f"{name} comes before {self._name(-other)}, which begins an entry"
            case reasons.GROUP_OUT_OF_ORDER:
                text = f"{name} comes after {other_name}, which it must precede"
            case _:
                announced = [wire for number, wire in message.fields()[: row + 1] if number == tag][-1]
                text = f"{name} is {show(announced)}, and {other} entries are there"
        return Fault(reason, tag, text)

    def _framing_fault(self, message: Message) -> Fault | None:
        """What the framer found first, unless it is an empty field, which is a rule of its own."""
        tag, reason = divmod(message.fault, 256)
        if reason == reasons.INCORRECT_FORMAT:
            return Fault(reason, tag, f"{self._name(tag)} does not end where its length field says")
        bad = _bad_tag(message)
        if bad is None:
            return None
        number = int(bad) if bad.removeprefix(b"-").isdigit() and len(bad) < _LONGEST_TAG else 0
        return Fault(reasons.INVALID_TAG_NUMBER, number, f"{show(bad)} is not a tag number")


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
