"""Every command that the README shows exists, with the options shown; every file that it names is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/*.md")))]
RUN_BY_CI = {"make test", "make interop", "make demo", "make demo-kill", "make demo-crash"}
CLI = ("router", "fixsim", "policies")


def commands() -> Iterator[str]:
    """The lines of the README's sh blocks."""
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL):
        yield from (line for line in block.splitlines() if line.strip())


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and the words that are left for it."""
    found: Any = typer.main.get_command(import_module(f"{words[0]}.cli").app)
    rest = words[1:]
    while hasattr(found, "commands") and rest:
        assert rest[0] in found.commands, f"{words[0]} has no command {rest[0]}"
        found, rest = found.commands[rest[0]], rest[1:]
    return found, rest


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("make ")])
def test_a_make_command_is_a_target(command: str) -> None:
    assert set(command.split()[1:]) <= make_targets()


@pytest.mark.parametrize("command", [c for c in commands() if c.split()[0] in CLI])
def test_a_command_line_is_understood(command: str) -> None:
    found, rest = resolve(shlex.split(command))
    if "--help" in rest:
        return
    found.make_context(found.name, rest)


def test_no_command_is_left_unchecked() -> None:
    assert all(c.startswith("make ") or c.split()[0] in CLI for c in commands())


def test_what_the_readme_promises_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    shown = set(commands())
    assert shown >= RUN_BY_CI
    assert set(script) >= RUN_BY_CI


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_linked_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert ((ROOT / document).parent / target).exists(), target


def test_every_settings_file_is_explained() -> None:
    text = (ROOT / "README.md").read_text()
    for path in (ROOT / "etc").glob("*.toml"):
        assert f"`etc/{path.name}`" in text
