"""`fixsim admin`: the venues' operator. `fixsim faults`: a fault script in plain words.

Exit status: 0 done; 1 the exchange went away before it answered; 2 refused, or nobody is there.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from fixsim.adminsocket import AdminError, ask
from fixsim.faults import load_script
from fixsim.settings import load_settings
from risk.errors import SettingsError

admin_app = typer.Typer(
    no_args_is_help=True,
    help="Be the venues' operator: look, halt, resume, cancel, bust, run a fault script.\n\nThe exchange must"
    " have \\[admin] in its settings. Every act is at market time now and is recorded.",
)
Venue = Annotated[str, typer.Argument(metavar="VENUE", help="The venue's name, like XLIT1.")]
Symbol = Annotated[
    str | None, typer.Option("--symbol", metavar="SYMBOL", help="One instrument; none: all of them.")
]
OrderId = Annotated[str, typer.Argument(metavar="ORDERID", help="OrderID(37) of an open order.")]
ExecId = Annotated[str, typer.Argument(metavar="EXECID", help="ExecID(17) of a fill.")]
Lots = Annotated[str, typer.Argument(metavar="LOTS", help="The lots that are left from now on.")]
Price = Annotated[str, typer.Argument(metavar="PRICE", help="The price at which the fill was made.")]
ScriptFile = Annotated[Path, typer.Argument(metavar="FILE", help="A fault script (docs/faults.md).")]


@admin_app.callback()
def _admin(
    context: typer.Context,
    socket: Annotated[
        Path | None,
        typer.Option("--socket", metavar="PATH", help="The admin socket; then no settings file is read."),
    ] = None,
    settings: Annotated[
        Path, typer.Option("--settings", "-s", metavar="FILE", help="Settings whose admin.socket it is.")
    ] = Path("etc/fixsim.toml"),
) -> None:
    context.obj = (socket, settings)


def _send(context: typer.Context, **request: Any) -> dict[str, Any]:
    """The answer to a command; SettingsError if it was refused (exit status 2)."""
    path, settings = context.obj
    if path is None:
        rule = load_settings(settings).admin
        if rule is None:
            raise SettingsError(f"{settings}: has no [admin] socket; name one with --socket")
        path = Path(rule.socket)
    try:
        answer = ask(path, {name: value for name, value in request.items() if value is not None})
    except AdminError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if not answer["ok"]:
        raise SettingsError(str(answer.get("reason", "refused")))
    if "did" in answer:
        typer.echo(answer["did"])
    return answer


@admin_app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
) -> None:
    """The market's time, phases, open orders, clients logged on, fault scripts and how often they struck."""
    told = _send(context, cmd="status")["status"]
    for line in [json.dumps(told)] if as_json else status_lines(told):
        typer.echo(line)


def status_lines(told: dict[str, Any]) -> list[str]:
    """A status in plain words."""
    lines = [f"market time {told['market_time']}, ends {told['end_time']}"]
    for venue in told["venues"]:
        phases = ", ".join(f"{symbol} {phase}" for symbol, phase in venue["phases"].items())
        clients = ", ".join(venue["clients"]) or "nobody"
        lines.append(f"{venue['venue']}: {phases}; {venue['open_orders']} open orders; logged on: {clients}")
        lines += [
            f"  {order['order_id']}  {order['client']} {order['cl_ord_id']}: {order['side']}"
            f" {order['leaves_lots']} lots of {order['symbol']}"
            for order in venue["orders"]
        ]
        if venue["fills"]:
            lines.append(f"  last fills: {', '.join(venue['fills'][-8:])}")
    for script in told["faults"]:
        lines.append(f"fault script {script['script']}")
        lines += [f"  {fault['fault']}: struck {fault['struck']} times" for fault in script["faults"]]
    return lines


@admin_app.command()
def halt(context: typer.Context, venue: Venue, symbol: Symbol = None) -> None:
    """Stop trading: only cancels are taken."""
    _send(context, cmd="halt", venue=venue, symbol=symbol)


@admin_app.command()
def resume(context: typer.Context, venue: Venue, symbol: Symbol = None) -> None:
    """Trade; after an auction, what crosses trades first, at its price."""
    _send(context, cmd="resume", venue=venue, symbol=symbol)


@admin_app.command()
def auction(context: typer.Context, venue: Venue, symbol: Symbol = None) -> None:
    """Collect orders without matching them, until resume."""
    _send(context, cmd="auction", venue=venue, symbol=symbol)


@admin_app.command()
def close(context: typer.Context, venue: Venue, symbol: Symbol = None) -> None:
    """End trading: only cancels are taken."""
    _send(context, cmd="close", venue=venue, symbol=symbol)


@admin_app.command()
def cancel(context: typer.Context, venue: Venue, order_id: OrderId) -> None:
    """Cancel an order unasked: 150=4."""
    _send(context, cmd="cancel", venue=venue, order_id=order_id)


@admin_app.command()
def restate(context: typer.Context, venue: Venue, order_id: OrderId, lots: Lots) -> None:
    """Leave less of an order, in its place in the queue: 150=D."""
    _send(context, cmd="restate", venue=venue, order_id=order_id, lots=lots)


@admin_app.command()
def bust(context: typer.Context, venue: Venue, exec_id: ExecId) -> None:
    """Make a fill void: 150=H."""
    _send(context, cmd="bust", venue=venue, exec_id=exec_id)


@admin_app.command()
def correct(context: typer.Context, venue: Venue, exec_id: ExecId, price: Price) -> None:
    """Give a fill another price: 150=G."""
    _send(context, cmd="correct", venue=venue, exec_id=exec_id, price=price)


@admin_app.command()
def script(context: typer.Context, file: ScriptFile) -> None:
    """Put a fault script to work; its time starts now."""
    load_script(file)  # refused here, with the file's name, before anything is sent
    _send(context, cmd="script", name=file.name, script=tomllib.loads(file.read_text(encoding="utf-8")))


def faults(file: ScriptFile) -> None:
    """A fault script in plain words; one that cannot be is refused with field, value and rule."""
    loaded = load_script(file)
    typer.echo(f"seed {loaded.seed}")
    for line in loaded.describe():
        typer.echo(line)
