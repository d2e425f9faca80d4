"""The `fixsim` command: the simulated exchange, the desk's client, the tapes.

Exit status: 0 as asked; 1 done, but not wholly (an order not filled, a tape that does not verify); 2 a
fault in what was asked, told in one line that names file, field, value and rule.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import structlog
import typer
from pydantic import ValidationError

from fixsim.acceptance.cli import acceptor as acceptor_command
from fixsim.admincli import admin_app
from fixsim.admincli import faults as faults_command
from fixsim.bench.cli import bench as bench_command
from fixsim.demo.cli import demo as demo_command
from fixsim.desk import Block
from fixsim.faults import Script, load_script
from fixsim.flow.cli import flow_app
from fixsim.fuzz.cli import fuzz as fuzz_command
from fixsim.load.cli import load as load_command
from fixsim.lockstep import LockstepError
from fixsim.realism.cli import realism as realism_command
from fixsim.settings import (
    NANOS,
    Clock,
    Settings,
    listed_tapes,
    load_settings,
    passwords,
    refuse_listed_tape,
    refuse_other_tape,
    tape_path,
)
from fixsim.tape import TapeError
from fixsim.tape.cli import app as tape_app
from risk.errors import SettingsError
from risk.order import Side
from router.fix.decimals import lots_from_wire, nanos_from_wire

if TYPE_CHECKING:
    from fixsim.flow.source import Source
    from fixsim.settings import RecordedTape

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Sluice's exchange simulator: FIX venues over a real matching engine that replays recorded order"
    " flow.\n\nStart the venues with `fixsim serve`, a router beside it, and send a block order with"
    " `fixsim desk`. Exit status: 0 as asked; 1 not wholly (order not filled); 2 a fault in what was asked.",
)
app.add_typer(tape_app, name="tape")

SettingsOption = Annotated[
    Path, typer.Option("--settings", "-s", metavar="FILE", help="The exchange's settings file.")
]
MOST_S = 31_536_000  # a year
DEFAULT_SETTINGS = Path("etc/fixsim.toml")


@app.command()
def serve(
    settings: SettingsOption = DEFAULT_SETTINGS,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="Where the venues' own record goes.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", metavar="lockstep|wall", help="Instead of the settings' clock.mode."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="K", help="Instead of the settings' clock.speed; 0: unpaced."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, help="Instead of the settings' seed.")
    ] = None,
    ready: Annotated[
        Path | None,
        typer.Option("--ready", metavar="FILE", help="Write the ports there, as JSON, once they are open."),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option("--faults", metavar="FILE", help="A fault script, instead of the settings' own."),
    ] = None,
) -> None:
    """Run the venues until the tape, or the flow that is drawn, ends.

    SIGTERM or Ctrl-C stops them in order, and the record is whole.
    In lock-step time waits until every participant of the settings has joined the clock link.
    """
    from fixsim.generated import first_market, generated
    from fixsim.server import serve as run_venues
    from fixsim.tape.edits import load_recording

    loaded = _changed(load_settings(settings), mode, speed, seed)
    first: Source | RecordedTape | None = first_market(loaded, settings)
    if first is None:
        recorded = load_recording(tape_path(loaded, settings))
        refuse_other_tape(loaded, recorded, settings)
        first = recorded
    listed = {symbol: load_recording(place) for symbol, place in listed_tapes(loaded, settings).items()}
    for symbol, other in listed.items():
        refuse_listed_tape(loaded, symbol, other, settings)
    flows = generated(loaded, first, settings)
    script = _script(loaded, settings, faults)
    path, secrets = record or Path(loaded.record), passwords(loaded, settings)
    with path.open("a", encoding="ascii", buffering=1) as file:
        _only_writer(file, path)
        every = {**listed, **flows}
        _run(
            run_venues(
                loaded, first, file, listed=every, listening=_announce(ready), faults=script,
                passwords=secrets,
            )
        )  # fmt: skip


@app.command()
def desk(
    settings: SettingsOption = DEFAULT_SETTINGS,
    side: Annotated[str, typer.Option(metavar="buy|sell", help="Which way.")] = "buy",
    quantity: Annotated[str, typer.Option(metavar="DECIMAL", help="How much, in units (BTC).")] = "10",
    limit: Annotated[str | None, typer.Option(metavar="PRICE", help="Limit price; none: at market.")] = None,
    duration: Annotated[
        float, typer.Option(metavar="S", help="Seconds from start to end (168 to 126).")
    ] = 540.0,
    send_after: Annotated[
        float, typer.Option(metavar="S", help="Seconds from logon to sending it: books fill first.")
    ] = 1.0,
    start_after: Annotated[
        float, typer.Option(metavar="S", help="Seconds from sending it to its start.")
    ] = 0.0,
    strategy: Annotated[int, typer.Option(metavar="CODE", help="TargetStrategy(847).")] = 1001,
    must_complete: Annotated[
        bool, typer.Option("--must-complete/--may-expire", help="What happens at the end to what is left.")
    ] = True,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Instead of the settings' account.")
    ] = None,
    cl_ord_id: Annotated[str, typer.Option(metavar="ID", help="ClOrdID(11) of the order.")] = "PARENT-1",
    cancel_after: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds after which the order is cancelled.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The desk's own log (JSON lines); default: beside the record."),
    ] = None,
) -> None:
    """Be the desk's OMS: send the router one parent order, and follow it to its end.

    Exit status 0 if it was filled in full, 1 if not. In lock-step times are by the market's clock.
    """
    from fixsim.deskclient import run_desk

    loaded = load_settings(settings)
    block = Block(
        cl_ord_id=cl_ord_id,
        symbol=loaded.instrument.symbol,
        account=account or loaded.desk.account,
        side=_side(side),
        qty_lots=_exact(
            "--quantity", quantity, lambda wire: lots_from_wire(wire, loaded.instrument.lots_per_unit)
        ),
        limit_nanos=None if limit is None else _exact("--limit", limit, nanos_from_wire),
        start_after_ns=_seconds("--start-after", start_after),
        send_after_ns=_seconds("--send-after", send_after),
        duration_ns=_seconds("--duration", duration),
        strategy=strategy,
        must_complete=must_complete,
        cancel_after_ns=None if cancel_after is None else _seconds("--cancel-after", cancel_after),
    )
    path = log or Path(loaded.record).with_name("desk.jsonl")
    with path.open("w", encoding="ascii", buffering=1) as file:
        done = _run(run_desk(loaded, block, file))
    typer.echo(done.summary() if done is not None else "stopped before the order was done")
    raise typer.Exit(0 if done is not None and done.complete else 1)


def _side(text: str) -> Side:
    sides = {"buy": Side.BUY, "sell": Side.SELL, "sell-short": Side.SELL_SHORT}
    if text not in sides:
        raise SettingsError(f"--side = {text!r}: must be one of {', '.join(sides)}")
    return sides[text]


def _exact(option: str, text: str, convert: Callable[[bytes], int]) -> int:
    """A decimal of the command line, exactly, and above zero."""
    try:
        value = convert(text.encode())
    except ValueError as error:
        raise SettingsError(f"{option} = {error}") from None
    if value <= 0:
        raise SettingsError(f"{option} = {text!r}: must be above zero")
    return value


def _seconds(option: str, value: float) -> int:
    """Nanoseconds. Below zero may be asked for: an end before the start is the router's to refuse."""
    if not abs(value) <= MOST_S:
        raise SettingsError(f"{option} = {value}: must be at most {MOST_S} seconds")
    return int(value * NANOS)


app.command("acceptor")(acceptor_command)
app.command("demo")(demo_command)
app.command("bench")(bench_command)
app.command("load")(load_command)
app.add_typer(flow_app, name="flow")
app.add_typer(admin_app, name="admin")
app.command("faults")(faults_command)
app.command("fuzz")(fuzz_command)
app.command("realism")(realism_command)


def _changed(settings: Settings, mode: str | None, speed: float | None, seed: int | None) -> Settings:
    """The settings with what the command line says instead, checked by the same rules."""
    clock = settings.clock.model_dump()
    clock.update({name: value for name, value in (("mode", mode), ("speed", speed)) if value is not None})
    try:
        changed = Clock.model_validate(clock)
    except ValidationError as error:
        fault = error.errors()[0]
        rule = fault["msg"].removeprefix("Value error, ")
        raise SettingsError(f"--mode, --speed = {mode}, {speed}: {rule}") from None
    return settings.model_copy(update={"clock": changed, "seed": settings.seed if seed is None else seed})


def _script(settings: Settings, settings_path: Path, asked: Path | None) -> tuple[str, Script] | None:
    """The fault script to start with, and its name."""
    if asked is None and settings.faults is not None:
        asked = settings_path.parent / settings.faults.script
    return None if asked is None else (asked.name, load_script(asked))


def _only_writer(file: TextIO, path: Path) -> None:
    """Empties the record, unless another exchange is writing it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SettingsError(f"record = {path}: another fixsim is writing it") from None
    if os.fstat(file.fileno()).st_size:
        file.truncate(0)


def _announce(ready: Path | None) -> Callable[[dict[str, int]], object]:
    def announce(ports: dict[str, int]) -> None:
        if ready is not None:
            partial = ready.with_suffix(".partial")
            partial.write_text(json.dumps(ports))
            partial.replace(ready)

    return announce


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run until it ends, or until SIGTERM or SIGINT cancels it: then None."""
    import uvloop

    async def until_told() -> Any:
        task = asyncio.ensure_future(main)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return None

    return uvloop.run(until_told())


def main() -> None:
    """Entry point: faults that a person can mend are one line on stderr, without a traceback."""
    structlog.configure(logger_factory=lambda *name: structlog.PrintLogger(sys.stderr))
    try:
        app()
    except LockstepError as error:
        typer.echo(f"lock-step: {error}", err=True)
        sys.exit(1)
    except (SettingsError, TapeError) as error:
        _fault(str(error))
    except OSError as error:
        _fault(f"{error.filename or 'fixsim'}: {error.strerror or error}")


def _fault(text: str) -> NoReturn:
    typer.echo(text, err=True)
    sys.exit(2)
