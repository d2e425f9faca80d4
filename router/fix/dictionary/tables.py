"""A version's tables as they lie beside this module: what a line says, and how it is read and written.

One file holds one specification, in words that a person can check against it:

    [fields]      54 Side char 1=Buy 2=Sell          number, name, type, values
                  90 SecureDataLen Length >91        >n: the length of data field n, which follows it
                  847 TargetStrategy int|1000+ 1=VWAP   a value of the list, or any number from 1000 on
                  538 NestedPartyRole int =452      the same values as field 452
    [components]  Parties: 453(448 447 452 @PtysSubGrp)   453(...): a repeating group and its fields
    [messages]    D NewOrderSingle: 11! @Parties @Instrument! 54!   !: required; @: a component
    [header]      8! 9! 35! ...
    [trailer]     ... 10!

A session message's name is followed by `*`. Nothing is computed here: see plan.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(r"(?:@(?P<component>\w+)|(?P<tag>\d+))(?P<required>!?)(?P<open>\(?)|(?P<close>\))")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the specification. `floor` opens its list of values: "" not, a type's name, or "1000+"."""

    tag: int
    name: str
    type: str
    floor: str = ""
    data_tag: int = 0  # of a length field: the data field that follows it
    values: tuple[tuple[str, str], ...] = ()  # (on the wire, name)


@dataclass(frozen=True, slots=True)
class Member:
    """A field in a message, component or group; `group` are the fields of each entry, if it counts one."""

    tag: int
    required: bool
    group: tuple[Member | Reference, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A component's fields stand here."""

    component: str
    required: bool


Items = tuple[Member | Reference, ...]


@dataclass(frozen=True, slots=True)
class MessageTable:
    msg_type: str
    name: str
    is_admin: bool
    items: Items


@dataclass(slots=True)
class Tables:
    """One specification. Header and trailer are empty where the session layer has tables of its own; `layer`
    are that layer's tags.
    """

    fields: dict[int, Field] = field(default_factory=dict)
    components: dict[str, Items] = field(default_factory=dict)
    messages: dict[str, MessageTable] = field(default_factory=dict)
    header: Items = ()
    trailer: Items = ()
    layer: frozenset[int] = frozenset()

    @property
    def session_tags(self) -> frozenset[int]:
        """The tags that a session message may know: all, where the session layer has no tables of its own."""
        return self.layer or frozenset(self.fields)

    def over(self, application: Tables) -> Tables:
        """The tables of an application version whose session layer this is."""
        return Tables(
            {**application.fields, **self.fields},
            {**application.components, **self.components},
            {**application.messages, **self.messages},
            self.header,
            self.trailer,
            frozenset(self.fields),
        )


def read(text: str) -> Tables:
    """The tables of a file. ValueError names the line that is none of them."""
    tables = Tables()
    section = ""
    for line in text.splitlines():
        if not line or line[0] == "#":
            continue
        if line[0] == "[":
            section = line
            continue
        match section:
            case "[fields]":
                made = _field(line, tables.fields)
                tables.fields[made.tag] = made
            case "[components]":
                name, _, rest = line.partition(":")
                tables.components[name] = items_of(rest)
            case "[messages]":
                head, _, rest = line.partition(":")
                msg_type, _, name = head.partition(" ")
                admin = name.endswith("*")
                tables.messages[msg_type] = MessageTable(msg_type, name.rstrip("*"), admin, items_of(rest))
            case "[header]":
                tables.header = items_of(line)
            case "[trailer]":
                tables.trailer = items_of(line)
            case _:
                raise ValueError(f"{line!r} is in no section")
    return tables


def _field(line: str, before: dict[int, Field]) -> Field:
    number, name, kind, *rest = line.split(" ")
    data_tag = int(rest.pop(0)[1:]) if rest and rest[0][0] == ">" else 0
    kind, _, floor = kind.partition("|")
    if rest and rest[0][0] == "=":
        return Field(int(number), name, kind, floor, data_tag, before[int(rest[0][1:])].values)
    values = tuple((wire, name) for wire, _, name in (word.partition("=") for word in rest))
    return Field(int(number), name, kind, floor, data_tag, values)


def items_of(text: str) -> Items:
    """`11! 453(448 447) @Instrument!` as items. ValueError where the brackets do not fit."""
    open_groups: list[tuple[int, bool, list[Member | Reference]]] = []
    items: list[Member | Reference] = []
    for word in _TOKEN.finditer(text):
        component, tag, required, opens, closes = word.group("component", "tag", "required", "open", "close")
        if closes:
            if not open_groups:
                raise ValueError(f"{text!r} closes a group that is not open")
            number, needed, outer = open_groups.pop()
            outer.append(Member(number, needed, tuple(items)))
            items = outer
        elif component:
            items.append(Reference(component, bool(required)))
        elif opens:
            open_groups.append((int(tag), bool(required), items))
            items = []
        else:
            items.append(Member(int(tag), bool(required)))
    if open_groups:
        raise ValueError(f"{text!r} does not close a group")
    return tuple(items)


def lines_of(tables: Tables) -> Iterator[str]:
    """The text that `read` reads, line by line."""
    if tables.header:
        yield "[header]"
        yield _written(tables.header)
        yield "[trailer]"
        yield _written(tables.trailer)
    yield "[messages]"
    for message in tables.messages.values():
        star = "*" if message.is_admin else ""
        yield f"{message.msg_type} {message.name}{star}: {_written(message.items)}"
    yield "[components]"
    for name, items in sorted(tables.components.items()):
        yield f"{name}: {_written(items)}"
    yield "[fields]"
    listed: dict[tuple[tuple[str, str], ...], int] = {}
    for made in sorted(tables.fields.values(), key=lambda field: field.tag):
        kind = f"{made.type}|{made.floor}" if made.floor else made.type
        words = [str(made.tag), made.name, kind]
        words += [f">{made.data_tag}"] if made.data_tag else []
        if len(made.values) > 1 and made.values in listed:
            words.append(f"={listed[made.values]}")
        else:
            listed[made.values] = made.tag
            words += [f"{wire}={name}" for wire, name in made.values]
        yield " ".join(words)


def _written(items: Items) -> str:
    words = []
    for item in items:
        mark = "!" if item.required else ""
        if isinstance(item, Reference):
            words.append(f"@{item.component}{mark}")
        elif item.group is None:
            words.append(f"{item.tag}{mark}")
        else:
            words.append(f"{item.tag}{mark}({_written(item.group)})")
    return " ".join(words)
