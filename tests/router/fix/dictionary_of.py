"""What QuickFIX's XML of a version says of a message: for tests of what is written, in every version."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pytest

from router.fix.codec import Message
from router.fix.versions import FIX42, FIX44, FIX50SP2, Version

SHARED = os.environ.get("SHARED_DATA")
FILES = {FIX42: ("FIX42.xml",), FIX44: ("FIX44.xml",), FIX50SP2: ("FIX50SP2.xml", "FIXT11.xml")}
MULTIPLE = ("MULTIPLEVALUESTRING", "MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE")
needs_shared = pytest.mark.skipif(not SHARED, reason="SHARED_DATA is not set: no FIX dictionary")


class Dictionary:
    """Which fields a message of one version may have, must have, and which values they take."""

    def __init__(self, version: Version) -> None:
        roots = [
            ElementTree.parse(Path(SHARED or "") / "fix_spec" / name).getroot() for name in FILES[version]
        ]
        self._name = version.name
        self._components = [one for root in roots for one in root.find("components") or ()]
        fields = [one for root in roots for one in root.find("fields") or ()]
        self._number = {one.get("name", ""): int(one.get("number", "0")) for one in fields}
        self._values = {
            int(one.get("number", "0")): ({value.get("enum", "") for value in one}, one.get("type"))
            for one in fields
        }
        self._frame = {
            tag
            for root in roots
            for part in ("header", "trailer")
            for tag in self._allowed(root.find(part) or ())
        }
        self._messages = {
            one.get("msgtype", ""): (self._allowed(one), self._required(one), self._groups(one))
            for root in roots
            for one in root.find("messages") or ()
        }

    def faults(self, message: Message) -> list[str]:
        """What is wrong with a message by the dictionary, one line each."""
        kind = message.msg_type.decode()
        if kind not in self._messages:
            return [f"35={kind} is no message of {self._name}"]
        allowed, required, groups = self._messages[kind]
        fields = [(tag, value.decode("latin-1")) for tag, value in message.fields()]
        tags = [tag for tag, _ in fields]
        faults = [f"35={kind}: {tag} does not belong" for tag in {*tags} - allowed - self._frame]
        faults += [f"35={kind}: {tag} is missing" for tag in required - {*tags}]
        inside = {tag for members in groups.values() for tag in members}
        faults += [f"35={kind}: {tag} comes twice" for tag in {*tags} - inside if tags.count(tag) > 1]
        for count, members in groups.items():
            if count in tags:
                nested = {tag for inner, held in groups.items() if inner in members for tag in held}
                faults += self._group_faults(kind, fields, count, members, nested)
        for tag, value in fields:
            known, form = self._values.get(tag, (set(), ""))
            several = value.split() if form in MULTIPLE else [value]
            if known and not {*several} <= known:
                faults.append(f"35={kind}: {tag}={value} is not one of {sorted(known)}")
        return faults

    @staticmethod
    def _group_faults(
        kind: str, fields: list[tuple[int, str]], count: int, members: list[int], nested: set[int]
    ) -> list[str]:
        """Each group begins with its first member, and each has its members in the listed order; what is in
        groups of its own inside is theirs to be checked.
        """
        at = [tag for tag, _ in fields].index(count)
        stated, first = int(fields[at][1]), fields[at + 1][0] if at + 1 < len(fields) else 0
        inside: list[list[int]] = []
        for tag, _ in fields[at + 1 :]:
            if tag == first:
                inside.append([])
            if tag not in members or not inside:
                break
            inside[-1].append(tag)
        if first != members[0]:
            return [f"35={kind}: {count} begins with {first}, not {members[0]}"]
        if len(inside) != stated:
            return [f"35={kind}: {count}={stated}, but {len(inside)} of {first}"]
        return [
            f"35={kind}: {count} has {group}, not in the order of {members}"
            for one in inside
            if (group := [tag for tag in one if tag not in nested])
            and [members.index(tag) for tag in group] != sorted({members.index(tag) for tag in group})
        ]

    def _inside(self, element: object) -> list[ElementTree.Element]:
        """An element's fields and groups, those of its components too."""
        found = []
        for one in element:  # type: ignore[attr-defined]
            if one.tag == "component":
                found += self._inside(next(c for c in self._components if c.get("name") == one.get("name")))
            else:
                found.append(one)
        return found

    def _allowed(self, element: object) -> set[int]:
        found: set[int] = set()
        for one in self._inside(element):
            found.add(self._number[one.get("name", "")])
            if one.tag == "group":
                found |= self._allowed(one)
        return found

    def _required(self, element: ElementTree.Element) -> set[int]:
        """Of the message itself and of components that it requires."""
        found: set[int] = set()
        for one in element:
            if one.get("required") != "Y":
                continue
            if one.tag == "component":
                found |= self._required(next(c for c in self._components if c.get("name") == one.get("name")))
            else:
                found.add(self._number[one.get("name", "")])
        return found

    def _groups(self, element: object) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for one in self._inside(element):
            if one.tag == "group":
                members = []
                for part in self._inside(one):
                    members.append(self._number[part.get("name", "")])
                    if part.tag == "group":
                        members += [tag for inner in self._groups([part]).values() for tag in inner]
                found[self._number[one.get("name", "")]] = members
                found |= self._groups(one)
        return found


@cache
def dictionary_of(version: Version) -> Dictionary:
    return Dictionary(version)
