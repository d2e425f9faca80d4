"""docs/faults.md: its script can be run, its tables are what there is; what venues then say is FIX 4.4."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixsim.console import FIELDS
from fixsim.faults import load_script
from fixsim.faults.script import WITH_BY, WITH_ORDERS, Do, Fault, Orders
from router.fix.codec import Framer, Message
from tests.fixsim.market import ETC
from tests.fixsim.test_dictionary import SHARED, XML, Dictionary
from tests.fixsim.test_sabotage import everything

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, list[str]]:
    """The first table of a section: its rows' other cells by the first, without backquotes."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        if line.startswith("| `") and not line.startswith("| `do` | takes") and "| `fixsim" not in line:
            name, *cells = (cell.strip().replace("`", "") for cell in line.strip("| ").split(" | "))
            found[name] = cells
    return found


def test_its_script_is_one(tmp_path: Path) -> None:
    script = next(
        block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[fault]]" in block
    )
    (tmp_path / "faults.toml").write_text(script)
    (fault,) = load_script(tmp_path / "faults.toml").fault
    assert fault.do is Do.DELAY


def test_every_kind_and_what_it_takes_is_told() -> None:
    told = {kind: cells[0] for name, cells in rows("Kinds").items() for kind in name.split(", ")}
    assert told.keys() == {do.value for do in Do}
    for do in Do:
        assert ("by" in told[do.value].split(", ")) == (do in WITH_BY), do
        assert ("orders" in told[do.value]) == (do in WITH_ORDERS), do
    shipped = load_script(ETC.with_name("faults.toml"))
    assert {fault.do for fault in shipped.fault} == set(Do)


def test_every_field_is_told() -> None:
    table = rows("A script")
    names = {name for row in table for name in row.split(", ")}
    assert names == {field.alias or name for name, field in Fault.model_fields.items()}
    assert set(re.findall(r"[a-z_]+", table["orders"][0])) >= set(Orders.model_fields)


def test_every_command_is_told() -> None:
    told = {name.split()[0] for row in rows("The admin console") for name in row.split(", ")}
    assert told == set(FIELDS)


@pytest.mark.skipif(not SHARED, reason="SHARED_DATA is not set: no FIX dictionary")
def test_what_venues_say_under_every_fault_is_in_the_dictionary() -> None:
    dictionary = Dictionary(XML)
    framer = Framer()
    framer.feed(bytes(everything(1).wire))
    kinds = set()
    while (message := framer.next()) is not None:
        assert isinstance(message, Message)
        assert dictionary.faults(message) == []
        if message.msg_type == b"8":
            kinds.add(message.get(150))
    assert kinds >= {b"4", b"D", b"G", b"H", b"8"}
