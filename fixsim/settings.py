"""What the simulated exchange is told before it starts: one TOML file, read once, frozen.

Every field is required and carries its unit in its name; a missing, unknown or impossible value is one line
that names file, field, value and rule (SettingsError). Nothing here opens a socket or reads a tape.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from fixsim.clients import Client as Client
from fixsim.clients import CompId
from fixsim.flow.settings import Drawn, FirstFlow, GeneratedFlow
from fixsim.instrument import Frozen as _Frozen
from fixsim.instrument import Instrument as Instrument
from fixsim.tape import SHIPPED
from fixsim.tape import Tape as _FlowTape
from fixsim.tape.metafile import find_tapes
from fixsim.tape.partial import PartialTape
from fixsim.utc import NANOS as NANOS
from fixsim.utc import UtcNs as UtcNs
from risk.errors import SettingsError, read_settings
from router.credentials import read_password

RecordedTape = _FlowTape | PartialTape

Port = Annotated[int, Field(ge=0, le=65535)]
Host = Annotated[str, Field(min_length=1, max_length=253)]
LatencyNs = Annotated[int, Field(ge=0, le=10 * NANOS)]


class Tape(_Frozen):
    """Which recording is replayed, and which part of it. start and stop absent: all of it."""

    path: str
    start: UtcNs | None = None
    stop: UtcNs | None = None


class Listed(Instrument):
    """One more instrument at every venue, moved by a tape of its own or by a flow drawn from a model.

    Its tape starts when the first instrument's does, whatever its dates.
    """

    tape: Tape | None = None
    flow: GeneratedFlow | None = None

    @model_validator(mode="after")
    def _one_thing_moves_it(self) -> Self:
        if (self.tape is None) == (self.flow is None):
            raise ValueError(f"{self.symbol}: needs either tape or flow, and not both")
        if self.flow is None:
            return self
        if self.flow.start is not None or self.flow.duration_s is not None:
            raise ValueError(f"{self.symbol}: flow.start and flow.duration_s are for the first instrument")
        _refuse_steps(self, self.flow)
        return self


def _refuse_steps(rule: Instrument, flow: Drawn) -> None:
    """ValueError where a flow's prices would not be the instrument's."""
    if rule.ticks is not None:
        raise ValueError(f"{rule.symbol}: ticks needs a tape, a flow quotes at every multiple of tick_nanos")
    if flow.start_nanos % rule.tick_nanos:
        stated = f"flow.start_nanos = {flow.start_nanos}"
        raise ValueError(f"{stated}: must be a multiple of tick_nanos, {rule.tick_nanos}")


SLOWEST = 1e-6
"""Of clock.speed, which is kept as a fraction of millionths."""


class Clock(_Frozen):
    """Who owns time. lockstep: we do, for the named participants; wall: the machine's clock does."""

    mode: Literal["lockstep", "wall"]
    speed: Annotated[float, Field(ge=0, le=100_000)]
    port: Port
    participants: Annotated[tuple[CompId, ...], Field(strict=False)]
    lost_ns: Annotated[int, Field(ge=0, le=3600 * NANOS)]
    answer_timeout_s: Annotated[float, Field(gt=0, le=600)]

    @model_validator(mode="after")
    def _speed_fits_the_mode(self) -> Self:
        if 0 < self.speed < SLOWEST:
            raise ValueError(f"speed {self.speed} is neither 0 nor at least {SLOWEST}")
        if self.mode == "wall" and not self.speed:
            raise ValueError('speed 0 (as fast as possible) needs mode = "lockstep"')
        if self.mode == "lockstep" and not self.participants:
            raise ValueError("lockstep needs at least one participant to wait for")
        return self


class Spread(_Frozen):
    """A latency that varies: floor_ns and a lognormal part; see fixsim.latency.Lognormal."""

    median_ns: LatencyNs
    p99_ns: LatencyNs
    floor_ns: LatencyNs

    @model_validator(mode="after")
    def _quantiles_are_in_order(self) -> Self:
        if not self.floor_ns < self.median_ns < self.p99_ns:
            raise ValueError("floor_ns < median_ns < p99_ns must hold")
        return self


def _latency_kind(value: object) -> str:
    return "varies" if isinstance(value, dict | Spread) else "constant"


Latency = Annotated[
    Annotated[LatencyNs, Tag("constant")] | Annotated[Spread, Tag("varies")], Discriminator(_latency_kind)
]


class Venue(_Frozen):
    """One FIX acceptor. Fees are parts per billion of the traded value; negative is a rebate.

    `order_fee_nanos` comes on top with an order's first fill; `min_fill_fee_nanos` is the least that a fill
    costs where there is a fee (a rebate is left alone).
    """

    name: CompId
    kind: Literal["lit", "dark"]
    port: Port
    maker_fee_ppb: Annotated[int, Field(ge=-100_000_000, le=100_000_000)]
    taker_fee_ppb: Annotated[int, Field(ge=-100_000_000, le=100_000_000)]
    order_latency_ns: Latency
    report_latency_ns: Latency
    market_data_latency_ns: Latency
    order_fee_nanos: Annotated[int, Field(ge=0, le=1000 * NANOS)] = 0
    min_fill_fee_nanos: Annotated[int, Field(ge=0, le=1000 * NANOS)] = 0
    clients: Annotated[tuple[Client, ...], Field(min_length=1, max_length=200, strict=False)]

    @model_validator(mode="after")
    def _a_dark_venue_quotes_nothing(self) -> Self:
        if self.kind == "dark" and any(c.serves == "market-data" for c in self.clients):
            raise ValueError(
                f'dark venue {self.name} quotes nothing: clients may only serve "orders" or "drop-copy"'
            )
        if len({c.comp_id for c in self.clients}) != len(self.clients):
            raise ValueError(f"clients of {self.name}: each comp_id may appear once")
        if self.kind == "dark" and any(c.self_match for c in self.clients):
            raise ValueError(f"clients of {self.name}: a dark venue has no self_match prevention")
        trading = {c.comp_id for c in self.clients if c.serves == "orders"}
        strangers = sorted({copied for c in self.clients for copied in c.copies or ()} - trading)
        if strangers:
            raise ValueError(
                f'copies of {self.name}: {", ".join(strangers)} is not a client that serves "orders"'
            )
        return self

    def copied_to(self, client: str) -> tuple[str, ...]:
        """The drop copy sessions that get the reports of `client`."""
        drops = (c for c in self.clients if c.serves == "drop-copy")
        return tuple(c.comp_id for c in drops if c.copies is None or client in c.copies)


class Hidden(_Frozen):
    """The dark venues' hidden interest; see fixsim.dark.HiddenInterest. Sizes are multiples of round_lots."""

    rate_per_s: Annotated[float, Field(ge=0, le=10_000)]
    buy_share: Annotated[float, Field(ge=0, le=1)]
    min_lots: Annotated[int, Field(gt=0)]
    mean_lots: Annotated[int, Field(gt=0)]
    max_lots: Annotated[int, Field(gt=0, le=10**15)]
    mean_lifetime_ns: Annotated[int, Field(gt=0, le=365 * 86_400 * NANOS)]
    max_resting: Annotated[int, Field(gt=0, le=1_000_000)]

    @model_validator(mode="after")
    def _sizes_are_in_order(self) -> Self:
        if not self.min_lots <= self.mean_lots <= self.max_lots:
            raise ValueError("min_lots <= mean_lots <= max_lots must hold")
        return self


class Impact(_Frozen):
    """How recorded prices answer to participants' volume; see fixsim.impact for the law and each field."""

    y: Annotated[float, Field(ge=0.001, le=100)]
    volatility: Annotated[float, Field(ge=1e-6, le=1)]
    volume_lots: Annotated[int, Field(ge=100, le=10**18)]
    half_life_s: Annotated[float, Field(ge=0.001, le=1_000_000)]
    beta_low: Annotated[float, Field(ge=0.05, le=1)] = 0.4
    beta_high: Annotated[float, Field(ge=0.05, le=1)] = 0.7

    @model_validator(mode="after")
    def _betas_are_in_order(self) -> Self:
        if self.beta_low > self.beta_high:
            raise ValueError("beta_low <= beta_high must hold")
        return self


class Faults(_Frozen):
    """The fault script that is at work from the start: a file beside the settings; see fixsim.faults."""

    script: Annotated[str, Field(min_length=1)]


class Admin(_Frozen):
    """Where the admin console listens: a unix socket, in the working directory; see fixsim.console."""

    socket: Annotated[str, Field(min_length=1)]


class Session(_Frozen):
    """The acceptors' FIX session settings."""

    heart_bt_int_s: Annotated[int, Field(ge=1, le=3600)]
    sending_time_tolerance_ns: Annotated[int, Field(gt=0)]
    max_message_bytes: Annotated[int, Field(ge=4096, le=64 << 20)]
    max_output_bytes: Annotated[int, Field(ge=4 << 20, le=1 << 30)]
    max_resend_messages: Annotated[int, Field(ge=0, le=10_000_000)] = 1_000_000
    """Of each client, what it may ask for again; older reports are gap filled."""


class Desk(_Frozen):
    """The desk's OMS: its session with the router, and the parent it sends unless told otherwise."""

    comp_id: CompId
    router_comp_id: CompId
    host: Host
    port: Port
    account: CompId
    heart_bt_int_s: Annotated[int, Field(ge=1, le=3600)]
    participant: CompId


class Settings(_Frozen):
    """The whole file. What may be left out is off, or none; `listing` are further instruments."""

    host: Host
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    record: Annotated[str, Field(min_length=1)]
    instrument: Instrument
    tape: Tape | None = None
    """Of the first instrument; not read where `flow` draws its orders."""
    flow: FirstFlow | None = None
    """What moves the first instrument; None: its tape."""
    clock: Clock
    session: Session
    venue: Annotated[tuple[Venue, ...], Field(min_length=1, max_length=8, strict=False)]
    hidden: Hidden
    desk: Desk
    listing: Annotated[tuple[Listed, ...], Field(max_length=63, strict=False)] = ()
    impact: Impact | None = None
    """Of the first instrument, where its market is a recording's."""
    faults: Faults | None = None
    admin: Admin | None = None

    @model_validator(mode="after")
    def _venues_are_distinct(self) -> Self:
        names = [v.name for v in self.venue]
        if len(set(names)) != len(names):
            raise ValueError(f"venue names must differ, got {names}")
        ports = [p for p in [*(v.port for v in self.venue), self.clock.port] if p]
        if len(set(ports)) != len(ports):
            raise ValueError(f"venue.port and clock.port must differ, got {ports}")
        if not any(v.kind == "lit" for v in self.venue):
            raise ValueError("at least one venue must be lit: the tape has to trade somewhere")
        for field, rule in (
            ("instrument", self.instrument),
            *((f"listing.{n}", r) for n, r in enumerate(self.listing)),
        ):
            if rule.min_lots % rule.round_lots:
                raise ValueError(f"{field}.min_lots must be a multiple of {field}.round_lots")
            if self.hidden.min_lots % rule.round_lots:
                raise ValueError(f"hidden.min_lots must be a multiple of {field}.round_lots")
        symbols = [rule.symbol for rule in (self.instrument, *self.listing)]
        if len(set(symbols)) != len(symbols):
            raise ValueError(f"symbols of instrument and listing must differ, got {symbols}")
        return self

    @model_validator(mode="after")
    def _something_moves_the_first(self) -> Self:
        drawn = self.drawn
        if drawn is None:
            if self.tape is None:
                raise ValueError("tape is missing: it moves the instrument, unless [flow] draws its orders")
            return self
        if drawn.start is None or drawn.duration_s is None:
            missing = "start" if drawn.start is None else "duration_s"
            raise ValueError(f"flow.{missing} is missing: the market begins at start and lasts duration_s")
        if self.impact is not None:
            raise ValueError(f"impact needs a tape: what moves the market is flow.kind = {self.flow_kind!r}")
        _refuse_steps(self.instrument, drawn)
        return self

    @property
    def drawn(self) -> Drawn | None:
        """What the first instrument's orders are drawn from; None: they are its tape's."""
        return self.flow if isinstance(self.flow, Drawn) else None

    @property
    def flow_kind(self) -> str:
        return "tape" if self.flow is None else self.flow.kind

    @property
    def recorded(self) -> Tape:
        """The first instrument's tape. SettingsError where it is moved by a flow."""
        if self.tape is None or self.drawn is not None:
            raise SettingsError(f"tape: flow.kind = {self.flow_kind!r} needs none")
        return self.tape

    @property
    def lit(self) -> tuple[Venue, ...]:
        return tuple(v for v in self.venue if v.kind == "lit")

    @property
    def dark(self) -> tuple[Venue, ...]:
        return tuple(v for v in self.venue if v.kind == "dark")


def load_settings(path: Path | str) -> Settings:
    """Read and check the settings file. SettingsError names file, field, value and rule on one line."""
    return read_settings(Path(path), Settings)


def tape_path(settings: Settings, settings_path: Path) -> Path:
    """Where the tape is: beside the settings, in the working directory, or among those that fixsim ships.

    A compact tape is a file, a Parquet tape the folder of its symbol (or one that holds no other).
    """
    return _find(settings.recorded, "tape", settings_path)


def listed_tapes(settings: Settings, settings_path: Path) -> dict[str, Path]:
    """Where the further instruments' tapes are, by symbol; see tape_path."""
    return {
        listed.symbol: _find(listed.tape, f"listing.{number}.tape", settings_path)
        for number, listed in enumerate(settings.listing)
        if listed.tape is not None
    }


def passwords(settings: Settings, settings_path: Path) -> dict[tuple[str, str], bytes]:
    """The clients' passwords, by venue and client, from the files beside the settings."""
    found = {}
    for number, venue in enumerate(settings.venue):
        for place, client in enumerate(venue.clients):
            if client.password_file is not None:
                where = f"{settings_path}: venue.{number}.clients.{place}.password_file"
                path = settings_path.parent / client.password_file
                found[venue.name, client.comp_id] = read_password(where, path)
    return found


def _find(tape: Tape, field: str, settings_path: Path) -> Path:
    places = [settings_path.parent / tape.path, Path(tape.path), SHIPPED.parent / tape.path]
    for place in places:
        if place.is_file() or (tape.path and place.is_dir() and find_tapes(place)):
            return place
    looked = ", ".join(str(p.parent) for p in places)
    raise SettingsError(
        f"{settings_path}: {field}.path = {tape.path!r}: no such file in {looked}, nor the folder of a tape"
    )


def refuse_other_tape(settings: Settings, tape: RecordedTape, settings_path: Path) -> None:
    """SettingsError when the tape is of another instrument, or the replay's ends lie outside of it."""
    _refuse(settings.instrument, "instrument", settings.recorded, "tape", tape, settings_path)


def refuse_listed_tape(settings: Settings, symbol: str, tape: RecordedTape, settings_path: Path) -> None:
    """The same for the tape of a further instrument."""
    number = [listed.symbol for listed in settings.listing].index(symbol)
    listed, field = settings.listing[number], f"listing.{number}"
    if listed.tape is None:
        raise SettingsError(f"{settings_path}: {field}.tape: {symbol} has a flow, and no tape")
    _refuse(listed, field, listed.tape, f"{field}.tape", tape, settings_path)


def _refuse(
    rule: Instrument, field: str, asked: Tape, asked_field: str, tape: RecordedTape, settings_path: Path
) -> None:
    for name in ("symbol", "tick_nanos", "lots_per_unit"):
        stated, recorded = getattr(rule, name), getattr(tape, name)
        if stated != recorded:
            raise SettingsError(f"{settings_path}: {field}.{name} = {stated!r}: the tape says {recorded!r}")
    start_ns, stop_ns = asked.start or tape.start_ns, asked.stop or tape.end_ns
    if not tape.start_ns <= start_ns < stop_ns <= tape.end_ns:
        ends = f"{asked_field}.start, {asked_field}.stop = {_utc(start_ns)}, {_utc(stop_ns)}"
        whole = f"{_utc(tape.start_ns)} to {_utc(tape.end_ns)}"
        raise SettingsError(f"{settings_path}: {ends}: start before stop, and both within the tape, {whole}")


def _utc(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // NANOS, UTC):%Y-%m-%dT%H:%M:%S}.{time_ns % NANOS // 1000:06d}Z"
