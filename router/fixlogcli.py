"""`router fix log`: read a journal's FIX messages, once or as they come. It writes nothing."""

import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.padding import Padding

from risk.errors import SettingsError
from router.fix.dictionary import load as load_dictionary
from router.fix.versions import VERSIONS
from router.fixlog import Filter, FixLog
from router.fixwords import Line
from router.journalfile import Follower
from router.settings import load

FOLLOW_S = 0.2
_AGO = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

app = typer.Typer(no_args_is_help=True, help="Look at FIX messages.")

SettingsOption = Annotated[
    Path, typer.Option("--settings", "-s", metavar="FILE", help="The settings that name the journal.")
]
JournalOption = Annotated[
    Path | None, typer.Option("--journal", "-j", metavar="FILE", help="A journal; then no settings are read.")
]
SessionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--session", metavar="NAME", help="One session, by its name or a part of it; may be given again."
    ),
]
TypeOption = Annotated[
    str, typer.Option("--type", "-t", metavar="D,8,...", help="Only these MsgTypes, or names of messages.")
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", metavar="11=SL1-5", help="Only with this field, by number or name; may be given again."
    ),
]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="UTC: 2026-01-05T10:00:00, 10:00 (today), or 5m (ago).")
]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="Up to then, likewise.")]
DirectionOption = Annotated[
    Literal["in", "out"] | None, typer.Option("--direction", help="in: what we received; out: what we sent.")
]
FollowOption = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")
]
RawOption = Annotated[
    bool, typer.Option("--raw", help="Messages as they are sent, with | for the delimiter.")
]
LatencyOption = Annotated[
    bool,
    typer.Option(
        "--latency", help="Also the time from SendingTime to here, and from a request to its first answer."
    ),
]


@app.callback()
def _commands() -> None:
    """So that `log` has a name of its own."""


@app.command()
def log(
    journal: JournalOption = None,
    session: SessionOption = None,
    types: TypeOption = "",
    tag: TagOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    direction: DirectionOption = None,
    follow: FollowOption = False,
    raw: RawOption = False,
    latency: LatencyOption = False,
    settings: SettingsOption = Path("etc/router.toml"),
) -> None:
    """Print the messages of a journal, with the names of fields and values. The router may be running.

    -> is what we sent, <- what we received; times are the journal's, in UTC. Passwords are masked.
    """
    now = datetime.now(UTC)
    only = Filter(
        sessions=frozenset(session or ()),
        types=frozenset(_msg_type(word) for word in types.split(",") if word),
        tags=tuple(_tag(text) for text in tag or ()),
        direction=direction or "",
        since_ns=_time_ns("--since", since, now) if since else 0,
        until_ns=_time_ns("--until", until, now) if until else 2**63 - 1,
    )
    told = FixLog(only, raw=raw, latency=latency)
    follower = Follower(journal or load(settings).journal.path)
    try:
        show(follower, told, follow)
        _refuse_unknown(only.sessions, told.sessions)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stderr.close()
    except KeyboardInterrupt:
        pass
    finally:
        follower.close()


def show(follower: Follower, told: FixLog, follow: bool) -> None:
    """Everything that is there; with `follow` also what comes, for ever."""
    console = Console(highlight=False)
    caught_up = False
    while True:
        records = follower.poll()
        for record in records:
            for line in told.lines(record):
                _print(console, line)
        if records:
            continue
        if not follow:
            return
        if not caught_up:
            caught_up = True
            _refuse_unknown(told.only.sessions, told.sessions)
        sys.stdout.flush()
        time.sleep(FOLLOW_S)


def _print(console: Console, line: Line) -> None:
    """Folded to a terminal's width, below where the line began; elsewhere one line is one line."""
    if console.is_terminal:
        console.print(Padding(line.text, (0, 0, 0, line.indent)))
    else:
        sys.stdout.write(" " * line.indent + line.text.plain + "\n")


def _refuse_unknown(wanted: frozenset[str], known: list[str]) -> None:
    unknown = sorted(part for part in wanted if not any(part in name for name in known))
    if unknown:
        listed = ", ".join(known) or "none"
        raise SettingsError(f"--session {unknown[0]}: the journal has no such session; it has {listed}")


def _msg_type(word: str) -> bytes:
    """A MsgType, or the name of a message in any version."""
    wire = word.encode()
    for version in VERSIONS.values():
        known = load_dictionary(version)
        if known.knows(wire) or wire.startswith(b"U"):
            return wire
        named = known.msg_type_of(word)
        if named is not None:
            return named
    raise SettingsError(f"--type {word}: no version has such a message (D or NewOrderSingle, for instance)")


def _tag(text: str) -> tuple[int, bytes | None]:
    """11=X, ClOrdID=X, or either without a value."""
    word, equals, value = text.partition("=")
    tag = int(word) if word.isdigit() else 0
    for version in VERSIONS.values():
        tag = tag or load_dictionary(version).tag_of(word) or 0
    if tag == 0:
        raise SettingsError(f"--tag {text}: {word!r} is no field (11=SL1-5 or ClOrdID=SL1-5, for instance)")
    return tag, value.encode() if equals else None


def _time_ns(option: str, text: str, now: datetime) -> int:
    """A moment in UTC: whole, a time of today, or so long ago."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        elif ":" in text and "-" not in text:
            moment = datetime.fromisoformat(f"{now:%Y-%m-%d}T{text}")
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        rule = "a UTC time as 2026-01-05T10:00:00, 10:00 (today) or 5m (ago)"
        raise SettingsError(f"{option} {text}: must be {rule}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 10**9 + since_epoch.microseconds * 1_000
