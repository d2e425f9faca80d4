"""The exchange's shell: one TCP port for each venue, a clock, the record's file.

Time is the machine's (fixsim/wallclock.py) or ours (fixsim/held.py, moved by fixsim/lockstep.py); the
connections are router.link's; the sessions, the books and all else that decides are the gateway's, which is
pure. What a peer does not read is bounded by session.max_output_bytes; beyond, it is disconnected.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import structlog

from fixsim.adminsocket import AdminServer
from fixsim.console import Answer, Console
from fixsim.doors import Passwords
from fixsim.exchange import Exchange
from fixsim.faults import Script
from fixsim.flow.source import Source
from fixsim.gateway import Gateway
from fixsim.held import Held
from fixsim.lockstep import Coordinator
from fixsim.ports import Venues, port_error
from fixsim.settings import Settings
from fixsim.tape import Tape
from fixsim.tape.partial import PartialTape
from fixsim.wallclock import WallClock
from risk.errors import SettingsError
from router.clock import Clock, SystemClock
from router.link import Network, TcpNetwork

log = structlog.get_logger()


async def serve(
    settings: Settings,
    tape: Tape | PartialTape | Source,
    record: IO[str],
    *,
    listed: Mapping[str, Tape | PartialTape | Source] | None = None,
    clock: Clock | None = None,
    network: Network | None = None,
    listening: Callable[[dict[str, int]], object] = lambda ports: None,
    faults: tuple[str, Script] | None = None,
    passwords: Passwords | None = None,
) -> None:
    """Run the exchange from the start of its tape, or of what is drawn (a Source), to its end.

    `listening` gets the open ports ("clock" too).

    `listed` are the further instruments' tapes or flows, by symbol; `faults` a script and its name, at work
    from the start; `passwords` those of the clients that the settings ask for one.

    Cancelling it is a clean stop: participants are told, and the record gets its last line.
    """
    lockstep = settings.clock.mode == "lockstep"
    clock = clock or SystemClock()
    wall: dict[str, Any] = {} if lockstep else {"origin_ns": clock.now_ns(), "speed": settings.clock.speed}
    exchange = Exchange(settings, tape, record.write, listed=listed, **wall)
    if faults is not None:
        _inject(exchange, *faults)
    venues = Venues(settings, Gateway(settings, exchange, passwords), network or TcpNetwork())
    owner = Held(venues) if lockstep else WallClock(venues, clock)
    admin = _admin(settings, venues.gateway, owner)
    try:
        if admin is not None:
            await admin.start()
        await venues.listen(owner.make_link)
        gc.collect()
        gc.freeze()
        if isinstance(owner, WallClock):
            listening(venues.ports)
            await owner.run()
        else:
            await _keep_time(
                settings, exchange, owner, lambda port: listening({**venues.ports, "clock": port})
            )
    finally:
        if admin is not None:
            admin.close()
        owner.close()
        venues.close()
        exchange.finish(exchange.now_ns)
        record.flush()


def _inject(exchange: Exchange, name: str, script: Script) -> None:
    try:
        exchange.inject(script, exchange.now_ns, name)
    except ValueError as refused:
        raise SettingsError(str(refused)) from None


def _admin(settings: Settings, gateway: Gateway, owner: Held | WallClock) -> AdminServer | None:
    """The admin console, if the settings have one."""
    if settings.admin is None:
        return None
    console = Console(gateway)
    handle: Callable[[object], Answer] = lambda asked: owner.at_once(  # noqa: E731
        lambda now_ns: console.handle(asked, now_ns)
    )
    return AdminServer(Path(settings.admin.socket), handle)


async def _keep_time(
    settings: Settings, exchange: Exchange, market: Held, listening: Callable[[int], object]
) -> None:
    """Lock-step: open the clock link, and move time until the tape ends."""
    rule = settings.clock
    coordinator = Coordinator(
        market,
        rule.participants,
        start_ns=exchange.start_ns,
        end_ns=exchange.end_ns,
        speed=rule.speed,
        lost_ns=rule.lost_ns,
        answer_timeout_s=rule.answer_timeout_s,
    )
    try:
        server = await asyncio.get_running_loop().create_server(
            coordinator.make_peer, settings.host, rule.port
        )
    except OSError as error:
        raise port_error("clock.port", rule.port, settings.host, error) from None
    try:
        port = int(server.sockets[0].getsockname()[1])
        log.info("listening", clock=port, participants=list(rule.participants))
        listening(port)
        await coordinator.run()
    finally:
        coordinator.end()
        server.close()
