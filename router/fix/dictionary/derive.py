"""Make this package's tables from the published specifications.

    python -m router.fix.dictionary.derive DIR

DIR holds `orchestra/` (the FIX Trading Community's Orchestra files of FIX 4.4 and of the session layers,
Apache-2.0) and FIX42.xml and FIX50SP2.xml (dictionaries under the QuickFIX licence); tables/NOTICE names them
and carries their notices. What the specification says in words only is added by the tables below. The result
is a pure function of the files.
"""

from __future__ import annotations

import lzma
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from router.fix.dictionary.tables import Field, Items, Member, MessageTable, Reference, Tables, lines_of

_LARGE: Final = 1 << 18  # characters: more is compressed (`xzcat` shows it)
HERE: Final = Path(__file__).parent / "tables"
_ORCHESTRA: Final = "{http://fixprotocol.io/2020/orchestra/repository}"

# Types of the QuickFIX dictionaries, by the names of the specification (FIX 5.0 SP2 volume 1, data types).
_TYPES: Final = {
    "AMT": "Amt", "BOOLEAN": "Boolean", "CHAR": "char", "COUNTRY": "Country", "CURRENCY": "Currency",
    "DATA": "data", "DAYOFMONTH": "DayOfMonth",
    "EXCHANGE": "Exchange", "FLOAT": "float", "INT": "int",
    "LANGUAGE": "Language", "LENGTH": "Length", "LOCALMKTDATE": "LocalMktDate",
    "LOCALMKTTIME": "LocalMktTime",
    "MONTHYEAR": "MonthYear", "MULTIPLECHARVALUE": "MultipleCharValue",
    "MULTIPLESTRINGVALUE": "MultipleStringValue", "MULTIPLEVALUESTRING": "MultipleStringValue",
    "MultipleValueString": "MultipleStringValue", "NUMINGROUP": "NumInGroup", "PERCENTAGE": "Percentage",
    "PRICE": "Price", "PRICEOFFSET": "PriceOffset", "QTY": "Qty", "SEQNUM": "SeqNum", "STRING": "String",
    "TAGNUM": "TagNum", "TZTIMEONLY": "TZTimeOnly", "TZTIMESTAMP": "TZTimestamp", "UTCDATE": "UTCDateOnly",
    "UTCDATEONLY": "UTCDateOnly", "UTCTIMEONLY": "UTCTimeOnly", "UTCTIMESTAMP": "UTCTimestamp",
    "XMLDATA": "data", "XMLData": "data", "XID": "String", "XIDREF": "String",
}  # fmt: skip

# Lists of values that are open to others: "number of shares, or S, M, L", "or ISO country code" (FIX 4.2,
# volume 6), and those whose description in Orchestra says so in words.
_FLOORS: Final = {27: "Qty", 166: "Country"}
_RESERVED: Final = re.compile(r"(\d+\+)[ =]*Reserved and available for bi-laterally agreed")
_NOT_A_VALUE: Final = "ISO Country Code"
# The length field of a data field, where its name is not that of the data field with Len or Length.
_LENGTH_NAMES: Final = {
    "EncodedUnderlyingMarketDisruptionFallbackUnderlierSecurityDesc": (
        "EncodedUnderlyingMarketDisruptionFallbackUnderlierSecDescLen"
    ),
}
# Symbol(55) of 4.4's Instrument is always there: "Use [N/A] for products which do not have a symbol" (FIX 4.4
# volume 1, component blocks). Orchestra does not mark it.
_SYMBOL: Final = (Member(55, False), Member(55, True))
# Any value is well formed here: whether a type of message is known is asked for the message as a whole.
_OPEN: Final = {35, 372}


def _named(description: str) -> str:
    """PARTIALLY_FILLED as PartiallyFilled: names of values are written alike in all tables."""
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", description))


def _with_lengths(fields: dict[int, Field]) -> dict[int, Field]:
    """Each length field names the data field that follows it."""
    by_name = {made.name: made for made in fields.values()}
    pairs: dict[int, int] = {}
    for made in fields.values():
        if made.type == "data":
            names = (made.name + "Len", made.name + "Length", _LENGTH_NAMES.get(made.name, ""))
            [length] = [by_name[name] for name in names if name in by_name]
            pairs[length.tag] = made.tag
    return {
        tag: Field(tag, made.name, made.type, made.floor, pairs.get(tag, 0), made.values)
        for tag, made in fields.items()
    }


class Orchestra:
    """One Orchestra file."""

    def __init__(self, path: Path) -> None:
        self._root = ET.parse(path).getroot()
        self._groups = {node.get("id"): node for node in self._all("group")}
        self._components = {node.get("id"): node for node in self._all("component")}

    def _all(self, tag: str) -> Iterator[ET.Element]:
        return self._root.iter(_ORCHESTRA + tag)

    def tables(self) -> Tables:
        named = [*self._components.values(), *self._groups.values()]
        components = {str(node.get("name")): self._items_of(node) for node in named}
        messages = {}
        for node in self._all("message"):
            msg_type, name = str(node.get("msgType")), str(node.get("name"))
            structure = node.find(_ORCHESTRA + "structure")
            items = tuple(
                item
                for item in self._items(structure if structure is not None else ())
                if item not in (Reference("StandardHeader", True), Reference("StandardTrailer", True))
            )
            messages[msg_type] = MessageTable(msg_type, name, node.get("category") == "Session", items)
        header, trailer = components.pop("StandardHeader"), components.pop("StandardTrailer")
        return Tables(_with_lengths(self._fields()), components, messages, header, trailer)

    def _items_of(self, node: ET.Element) -> Items:
        number = node.find(_ORCHESTRA + "numInGroup")
        items = self._items(node)
        return items if number is None else (Member(int(str(number.get("id"))), True, items),)

    def _items(self, nodes: Iterable[ET.Element]) -> Items:
        items: list[Member | Reference] = []
        for node in nodes:
            required = node.get("presence") == "required"
            match node.tag.removeprefix(_ORCHESTRA):
                case "fieldRef":
                    items.append(Member(int(str(node.get("id"))), required))
                case "groupRef":
                    items.append(Reference(str(self._groups[node.get("id")].get("name")), required))
                case "componentRef":
                    items.append(Reference(str(self._components[node.get("id")].get("name")), required))
        return tuple(items)

    def _fields(self) -> dict[int, Field]:
        codes = {node.get("name"): node for node in self._all("codeSet")}
        fields = {}
        for node in self._all("field"):
            tag, kind = int(str(node.get("id"))), str(node.get("type"))
            values: tuple[tuple[str, str], ...] = ()
            floor = re.sub(r"Reserved(\d+)Plus", r"\1+", node.get("unionDataType") or _FLOORS.get(tag, ""))
            if kind in codes:
                listed = codes[kind].iter(_ORCHESTRA + "code")
                values = tuple((str(code.get("value")), str(code.get("name"))) for code in listed)
                words = "".join(codes[kind].itertext())
                floor = floor or "".join(_RESERVED.findall(words)[:1])
                kind = str(codes[kind].get("type"))
            if tag in _OPEN:
                kind, values, floor = "String", (), ""
            kind = _TYPES.get(kind, kind)
            fields[tag] = Field(tag, str(node.get("name")), kind, floor if values else "", 0, values)
        return fields


class Dictionary:
    """One dictionary under the QuickFIX licence."""

    def __init__(self, path: Path, floors: dict[int, str]) -> None:
        self._root = ET.parse(path).getroot()
        self._floors = floors
        self._numbers = {
            node.get("name"): int(str(node.get("number"))) for node in self._root.iterfind("fields/field")
        }

    def tables(self) -> Tables:
        components = {str(n.get("name")): self._items(n) for n in self._root.iterfind("components/component")}
        messages = {}
        for node in self._root.iterfind("messages/message"):
            msg_type, name = str(node.get("msgtype")), str(node.get("name"))
            messages[msg_type] = MessageTable(
                msg_type, name, node.get("msgcat") == "admin", self._items(node)
            )
        header, trailer = self._root.find("header"), self._root.find("trailer")
        assert header is not None
        assert trailer is not None
        fields = _with_lengths(self._fields())
        return Tables(fields, components, messages, self._items(header), self._items(trailer))

    def _items(self, nodes: Iterable[ET.Element]) -> Items:
        items: list[Member | Reference] = []
        for node in nodes:
            name, required = node.get("name"), node.get("required") == "Y"
            match node.tag:
                case "field":
                    items.append(Member(self._numbers[name], required))
                case "group":
                    items.append(Member(self._numbers[name], required, self._items(node)))
                case "component":
                    items.append(Reference(str(name), required))
        return tuple(items)

    def _fields(self) -> dict[int, Field]:
        fields = {}
        for node in self._root.iterfind("fields/field"):
            tag, kind = int(str(node.get("number"))), _TYPES[str(node.get("type"))]
            values = tuple(
                (str(value.get("enum")), _named(str(value.get("description"))))
                for value in node
                if value.get("enum") != _NOT_A_VALUE
            )
            if tag in _OPEN:
                kind, values = "String", ()
            floor = self._floors.get(tag, "") if values else ""
            fields[tag] = Field(tag, str(node.get("name")), kind, floor, 0, values)
        return fields


def derive(folder: Path) -> dict[str, str]:
    """The text of each table by its file's name."""
    fix44 = Orchestra(folder / "orchestra/OrchestraFIX44.xml").tables()
    session = Orchestra(folder / "orchestra/FIX44Session.xml").tables()
    fix44.fields |= {
        tag: Field(tag, made.name, made.type, made.floor, made.data_tag, made.values)
        for tag, made in session.fields.items()
    }
    optional, required = _SYMBOL
    instrument = fix44.components["Instrument"]
    fix44.components["Instrument"] = tuple(required if item == optional else item for item in instrument)
    fixt11 = Orchestra(folder / "orchestra/FIXTSession.xml").tables()
    floors = {**_FLOORS, **{made.tag: made.floor for made in fix44.fields.values() if made.floor}}
    tables = {
        "fix42": Dictionary(folder / "FIX42.xml", floors).tables(),
        "fix44": fix44,
        "fix50sp2": Dictionary(folder / "FIX50SP2.xml", floors).tables(),
        "fixt11": fixt11,
    }
    return {name: "\n".join((*_head(name), *lines_of(table))) + "\n" for name, table in tables.items()}


def _head(name: str) -> tuple[str, ...]:
    source = {
        "fix42": "FIX 4.2, from FIX42.xml under the QuickFIX Software License.",
        "fix44": "FIX 4.4, from the FIX Trading Community's Orchestra under Apache-2.0.",
        "fix50sp2": "FIX 5.0 SP2, from FIX50SP2.xml under the QuickFIX Software License.",
        "fixt11": "FIXT 1.1, from the FIX Trading Community's Orchestra under Apache-2.0.",
    }[name]
    return (
        f"# {source} See NOTICE.",
        "# Made by derive.py; tables.py says what a line means.",
    )


def main(folder: Path) -> None:
    for name, text in derive(folder).items():
        if len(text) > _LARGE:
            HERE.joinpath(f"{name}.txt.xz").write_bytes(lzma.compress(text.encode(), preset=9))
        else:
            HERE.joinpath(f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
