"""The `router` command: run the daemon, stop it from trading, look at it, and read its journal.

Exit status of every command: 0 as asked; 1 done but not wholly (a kill with unconfirmed orders, a torn
journal); 2 the operator's fault or no router there, told in one line that names file, field, value and rule.
"""

import importlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from risk.errors import SettingsError
from router.clock import SystemClock
from router.control import ControlError, ask
from router.fixlogcli import app as fix_app
from router.identity import AlreadyRunning
from router.journal import JournalError, Kind, Record
from router.journalfile import Follower, records
from router.journalfile import verify as verify_journal
from router.lockstep import LockstepError
from router.settings import Settings, load
from router.startup import engine_config
from router.ways import acceptor_tls, ways_of

FOLLOW_S = 0.2
FAULTS = (SettingsError, ControlError, AlreadyRunning, JournalError, LockstepError)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Sluice's smart order router: FIX in, execution policies, risk limits, FIX out.\n\n"
    "Start it with `router run`. Stop its trading with `router kill`, which latches until another person's"
    " `router reinstate`. Exit status: 0 as asked; 1 not wholly (orders not confirmed, journal torn);"
    " 2 a fault in what was asked.",
)
journal_app = typer.Typer(no_args_is_help=True, help="Read a journal: check it whole, or print its records.")
app.add_typer(journal_app, name="journal")
app.add_typer(fix_app, name="fix")
sessions_app = typer.Typer(help="Show the FIX sessions, reset one, or read their settings again.")
app.add_typer(sessions_app, name="sessions")

SettingsOption = Annotated[
    Path, typer.Option("--settings", "-s", metavar="FILE", help="The router's settings file.")
]
SocketOption = Annotated[
    Path | None,
    typer.Option("--socket", metavar="PATH", help="The operator socket; then no settings file is read."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answers as they come, in JSON lines.")]
AllOption = Annotated[bool, typer.Option("--all", help="Everything.")]
VenueOption = Annotated[str | None, typer.Option("--venue", metavar="NAME", help="One venue.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="One symbol.")]
ParentOption = Annotated[str | None, typer.Option("--parent", metavar="ID", help="One parent order.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the journal.")]
IdentityOption = Annotated[
    str, typer.Option("--identity", metavar="NAME", help="As whom, if your uid has several identities.")
]
PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help="A journal file.")]
KindOption = Annotated[
    list[str] | None,
    typer.Option("--kind", "-k", metavar="KIND", help="Only records of this kind; may be given again."),
]
FirstOption = Annotated[int, typer.Option("--from", metavar="N", help="Begin with record number N.")]
FollowOption = Annotated[
    bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")
]

DEFAULT_SETTINGS = Path("etc/router.toml")


@app.command()
def run(settings: SettingsOption = DEFAULT_SETTINGS) -> None:
    """Run the router until SIGTERM (drain: cancel, wait, log out) or the end of a lock-step simulation.

    SIGUSR1 halts everything and latches, as `router kill --all` does.
    """
    loaded = load(settings)
    daemon = importlib.import_module("router.daemon")  # heavy: only this command needs it
    raise typer.Exit(daemon.run(loaded))


@app.command()
def check(settings: SettingsOption = DEFAULT_SETTINGS) -> None:
    """Read every settings file and say what is wrong, without starting anything."""
    for path in check_files(load(settings)):
        typer.echo(f"{path}: good")


@app.command()
def fixatdl(
    version: Annotated[
        str, typer.Option("--version", metavar="NAME", help="FIX.4.2, FIX.4.4 or FIX.5.0SP2.")
    ] = "FIX.4.4",
    settings: SettingsOption = DEFAULT_SETTINGS,
) -> None:
    """Print the strategies as a FIXatdl 1.1 document, from which a desk's order tickets are made."""
    versions = importlib.import_module("router.fix.versions").VERSIONS
    if version not in versions:
        _fault(f"--version {version} is not one of {', '.join(versions)}")
    policy = importlib.import_module("router.policy")
    listed = policy.read_policies(load(settings).files.policies).policy
    strategies = [(entry.name, entry.strategy) for entry in listed]
    document = importlib.import_module("router.fixatdl").document(strategies, versions[version])
    typer.echo(document, nl=False)


@app.command()
def kill(
    reason: ReasonOption,
    everything: AllOption = False,
    venue: VenueOption = None,
    symbol: SymbolOption = None,
    parent: ParentOption = None,
    identity: IdentityOption = "",
    settings: SettingsOption = DEFAULT_SETTINGS,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Halt: let no new order leave, and cancel every open one, in one scope.

    The latch holds, also over a restart, until another identity's `router reinstate`. Each order is named as
    cancelled, filled or not confirmed. Exit status 0 only if every one is confirmed.
    """
    request = _scoped("kill", reason, identity, everything, venue, symbol, parent)
    _command(request, settings, socket, as_json)


@app.command()
def suspend(
    reason: ReasonOption,
    everything: AllOption = False,
    venue: VenueOption = None,
    symbol: SymbolOption = None,
    parent: ParentOption = None,
    identity: IdentityOption = "",
    settings: SettingsOption = DEFAULT_SETTINGS,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let no new order leave in one scope, but leave resting orders where they are. Latches as a kill
    does.
    """
    request = _scoped("suspend", reason, identity, everything, venue, symbol, parent)
    _command(request, settings, socket, as_json)


@app.command()
def reinstate(
    reason: ReasonOption,
    everything: AllOption = False,
    venue: VenueOption = None,
    symbol: SymbolOption = None,
    parent: ParentOption = None,
    identity: IdentityOption = "",
    settings: SettingsOption = DEFAULT_SETTINGS,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift a latch of exactly this scope. It takes another identity than the one that set it."""
    request = _scoped("reinstate", reason, identity, everything, venue, symbol, parent)
    _command(request, settings, socket, as_json)


@app.command()
def status(
    settings: SettingsOption = DEFAULT_SETTINGS, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Show the router's sessions, books, latches and journal."""
    _command({"cmd": "status"}, settings, socket, as_json)


@app.command()
def parents(
    settings: SettingsOption = DEFAULT_SETTINGS, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """List the parent orders: quantity, done, working, policy."""
    _command({"cmd": "parents"}, settings, socket, as_json)


@app.command()
def orders(
    settings: SettingsOption = DEFAULT_SETTINGS, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """List the open child orders."""
    _command({"cmd": "orders"}, settings, socket, as_json)


@sessions_app.callback(invoke_without_command=True)
def sessions(
    context: typer.Context,
    settings: SettingsOption = DEFAULT_SETTINGS,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each FIX session: state, numbers, address, hours, and how long its messages take."""
    if context.invoked_subcommand is None:
        _command({"cmd": "sessions"}, settings, socket, as_json)


@sessions_app.command(name="reload")
def reload_sessions(
    identity: IdentityOption = "",
    settings: SettingsOption = DEFAULT_SETTINGS,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the running router read its settings again.

    New desks and drop copies are added; addresses, hours, passwords and pins change. Whatever else differs is
    refused by name, and nothing changes then.
    """
    _command({"cmd": "reload sessions", "identity": identity}, settings, socket, as_json)


@sessions_app.command(name="reset")
def reset_session(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The session, as `router sessions` shows it.")],
    reason: ReasonOption,
    identity: IdentityOption = "",
    settings: SettingsOption = DEFAULT_SETTINGS,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set both sequence numbers of a session that is logged off to 1, with its next Logon.

    Where we dial, that Logon says so: ResetSeqNumFlag(141)=Y; a desk must begin with MsgSeqNum 1.
    """
    request = {"cmd": "reset session", "name": name, "reason": reason, "identity": identity}
    _command(request, settings, socket, as_json)


@journal_app.command()
def verify(path: PathArgument) -> None:
    """Check every record's CRC, the numbering and the hash chain; print what the journal holds.

    Exit status 1 if its last record is torn (a crash; `router run` will cut it off), 2 if it is corrupt.
    """
    report = verify_journal(path)
    typer.echo(f"{path}: {report.records} records, {report.bytes} bytes, sha256 {report.sha256}")
    if report.records:
        typer.echo(f"  from {utc_text(report.first_time_ns)} to {utc_text(report.last_time_ns)}")
        typer.echo("  " + ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items())))
    typer.echo("  closed in order" if report.orderly else "  not closed: in use, or stopped without warning")
    if report.torn_bytes:
        typer.echo(f"  torn tail: {report.torn_bytes} bytes after offset {report.bytes} are no whole record")
        raise typer.Exit(1)


@journal_app.command()
def show(
    path: PathArgument,
    kind: KindOption = None,
    first: FirstOption = 0,
    follow: FollowOption = False,
) -> None:
    """Print records, one a line: number, time, kind, content (FIX with | for SOH)."""
    kinds = {_kind(name) for name in kind or ()} or set(Kind)
    if not follow:
        for record in records(path):
            _show(record, kinds, first)
        return
    follower = Follower(path)
    while True:
        for record in follower.poll():
            _show(record, kinds, first)
        time.sleep(FOLLOW_S)


def check_files(settings: Settings) -> tuple[Path, ...]:
    """Read the files that `settings` names, and whether they fit together; returns them. SettingsError."""
    _, reference = engine_config(settings, {}, 1)
    if settings.lockstep is None:  # a simulation has dates of its own
        reference.refuse_stale(datetime.fromtimestamp(SystemClock().now_ns() // 10**9, UTC).date())
    policy = importlib.import_module("router.policy")  # ONNX Runtime: too slow to load for a kill
    policy.load_all(policy.read_policies(settings.files.policies))
    ways_of(settings)
    acceptor_tls(settings)
    files = settings.files
    return (settings.path, files.venues, files.limits, files.instruments, files.policies)


def utc_text(time_ns: int) -> str:
    """UTC with nanoseconds, as people read it."""
    second, nanos = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}.{nanos:09d}"


def summary(record: Record) -> str:
    """A record's content on one line."""
    match record.kind:
        case Kind.FIX_IN | Kind.FIX_OUT:
            text = record.raw.replace(b"\x01", b"|").decode("ascii", "backslashreplace")
            return f"{record.session} {text}"
        case Kind.LINK:
            return f"{record.session} {'up' if record.payload[1] else 'down'}"
        case Kind.CHAIN:
            return record.payload.hex()
        case Kind.START | Kind.OPERATOR | Kind.LATCH | Kind.NOTE:
            return record.payload.decode("utf-8", "backslashreplace")
        case Kind.DECISION | Kind.ANSWER | Kind.ACTION | Kind.VERDICT:
            try:
                told: str = importlib.import_module("router.records").told(record)  # heavy: kernels
            except ValueError as error:
                return f"{len(record.payload)} bytes: {error}"
            return told
    return ""


def _show(record: Record, kinds: set[Kind], first: int) -> None:
    if record.number >= first and record.kind in kinds:
        typer.echo(f"{record.number} {utc_text(record.time_ns)} {record.kind.name} {summary(record)}")


def _kind(name: str) -> Kind:
    try:
        return Kind[name.upper()]
    except KeyError:
        names = ", ".join(kind.name for kind in Kind)
        _fault(f"--kind {name} is not one of {names}")


def _scoped(
    cmd: str,
    reason: str,
    identity: str,
    everything: bool,
    venue: str | None,
    symbol: str | None,
    parent: str | None,
) -> dict[str, str]:
    scopes = (("venue", venue), ("symbol", symbol), ("parent", parent))
    named = [(scope, name) for scope, name in scopes if name]
    if everything:
        named.append(("all", ""))
    if len(named) != 1:
        _fault(f"{cmd}: give one of --all, --venue, --symbol, --parent")
    scope, name = named[0]
    return {"cmd": cmd, "scope": scope, "name": name, "reason": reason, "identity": identity}


def _command(request: dict[str, str], settings: Path, socket: Path | None, as_json: bool) -> NoReturn:
    path = socket or load(settings).control.socket
    raise typer.Exit(ask(path, request, _print_json if as_json else _print_answer))


def _print_json(answer: dict[str, Any]) -> None:
    typer.echo(json.dumps(answer))


def _print_answer(answer: dict[str, Any]) -> None:
    match answer:
        case {"event": "refused", "reason": reason}:
            typer.echo(f"refused: {reason}", err=True)
        case {"event": "latched", "durable": durable}:
            typer.echo(f"latched; {'on disk' if durable else 'NOT YET ON DISK'}")
        case {"event": "cancelling", "orders": count}:
            typer.echo(f"cancelling {count} orders")
        case {"event": "order", "cl_ord_id": cl_ord_id, "state": state, "quantity": _}:
            what = "{side} {filled} of {quantity} {symbol} at {price}, {venue}".format(**answer)
            typer.echo(f"{cl_ord_id}  {what}  {state}  ({answer['parent_id'] or 'no parent'})")
        case {"event": "order", "cl_ord_id": cl_ord_id, "state": state}:
            typer.echo(f"  {cl_ord_id} {state}")
        case {"event": "parent", "parent_id": parent_id, "latch": latch}:
            what = "{side} {filled} of {quantity} {symbol}, average {average}".format(**answer)
            stopped = f", latched: {latch}" if latch else ""
            stopped += ", NO FURTHER ORDERS: cancel it" if answer["is_shut"] else ""
            typer.echo(f"{parent_id}  {what}  {answer['state']}{stopped}  (desk's {answer['cl_ord_id']})")
        case {"event": "status"}:
            _print_status(answer)
        case {"event": "session"}:
            _print_session(answer)
        case {"event": "session reset", "session": name, "next_out": out, "next_in": received}:
            typer.echo(f"{name}: both numbers go back to 1 with the next Logon; now out {out}, in {received}")
        case {"event": "sessions reloaded", "added": added, "changed": changed}:
            typer.echo(f"added: {', '.join(added) or 'none'}; changed: {', '.join(changed) or 'none'}")
        case {"event": "reinstated", "latched_by": identity, "still_latched": left}:
            still = f"; STILL LATCHED: {', '.join(left)}" if left else ""
            typer.echo(f"reinstated what {identity} had latched{still}")
        case {"event": "completed"}:
            unconfirmed = answer.get("unconfirmed") or []
            named = f"NOT CONFIRMED: {', '.join(unconfirmed)}" if unconfirmed else "every order is confirmed"
            typer.echo(f"completed; {named}")
        case _:
            typer.echo(answer["event"])
            for field, value in answer.items():
                if field == "event":
                    continue
                typer.echo(f"  {field:20} {value if isinstance(value, str | int) else json.dumps(value)}")


def _print_status(answer: dict[str, Any]) -> None:
    typer.echo(f"time      {utc_text(answer['time_ns'])}")
    for symbol, book in answer["books"].items():
        venues = ", ".join(f"{venue} {state}" for venue, state in book["venues"].items())
        typer.echo(f"{symbol}   {book['bid']} / {book['ask']}  ({venues})")
    for name, session in answer["sessions"].items():
        numbers = f"next out {session['next_out']}, in {session['next_in']}, waiting {session['waiting']}"
        typer.echo(f"{name:20} {session['state']}  ({numbers})")
    typer.echo(f"open      {answer['open_parents']} parents, {answer['open_orders']} orders")
    for latch in answer["latches"]:
        scope = f"{latch['kind']} {latch['name']}".strip()
        typer.echo(f"LATCHED   {latch['mode']} {scope} by {latch['identity']}: {latch['reason']}")
    if not answer["latches"]:
        typer.echo("latches   none")
    typer.echo(f"limits    {answer['limits_hash']}")


def _print_session(answer: dict[str, Any]) -> None:
    numbers = f"next out {answer['next_out']}, in {answer['next_in']}, waiting {answer['waiting']}"
    what = f"{answer['kind']}, {answer['version']}"
    where = f", at {answer['address']}" if answer["address"] else ""
    typer.echo(f"{answer['session']:20} {answer['state']}  ({what}{where}; {numbers})")
    if answer["next_change_ns"] is not None:
        changes = "closes" if answer["is_open"] else "CLOSED, opens"
        typer.echo(f"  {changes} at {utc_text(answer['next_change_ns'])} UTC")
    for msg_type, times in answer["latency"].items():
        parts = [
            f"{name} {_us(spread['p50_ns'])} / {_us(spread['p99_ns'])} / {_us(spread['max_ns'])}"
            for name, spread in times.items()
            if spread["count"]
        ]
        count = times["handled"]["count"]
        typer.echo(f"  {msg_type:2} {count:8}  p50 / p99 / max in µs: {', '.join(parts)}")


def _us(ns: int) -> str:
    return f"{ns / 1000:.1f}"


def main() -> None:
    """Entry point: faults that a person can mend are one line on stderr, without a traceback."""
    try:
        app()
    except FAULTS as error:
        _fault(str(error))
    except OSError as error:
        _fault(f"{error.filename or 'router'}: {error.strerror or error}")


def _fault(text: str) -> NoReturn:
    typer.echo(text, err=True)
    sys.exit(2)
