"""What the router is told before it starts: etc/router.toml, with the venues in a file of their own.

Read once, frozen. There are no defaults: every setting is written in the file, with its unit in its name. A
fault is a SettingsError whose text names file, field, value and rule. Paths are relative to the file that
names them. Limits, instruments and the list of policies have files and readers of their own; here they are
only named.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from risk.errors import SettingsError, read_settings
from router.peers import (
    AcceptorTls,
    CompId,
    Desk,
    FilePath,
    Host,
    Session,
    Table,
    TcpPort,
    Tls,
    names_once,
)

MS = 1_000_000
SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its closing zero

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$")]
FeePpb = Annotated[int, Field(ge=-100_000_000, le=100_000_000)]
HeartbeatS = Annotated[int, Field(ge=1, le=3600)]
SessionKind = Literal["orders", "market data", "drop copy"]
Role = Literal["kill", "reinstate", "view", "sessions"]


class Daemon(Table):
    """Who this router is, and where its state lives. One daemon per state_dir, held by a lock."""

    state_dir: FilePath
    clordid_prefix: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}-$")]
    """Starts every ClOrdID of ours: capitals, digits, and a closing hyphen. Never change it while orders are
    open.
    """
    clordid_block: Annotated[int, Field(ge=10, le=1_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]

    @property
    def order_ids_path(self) -> Path:
        return self.state_dir / "clordids"


class Journal(Table):
    """The record of everything. `sync_interval_ms`: at most this much is lost when power goes, never by a
    crash.
    """

    dir: FilePath
    sync_interval_ms: Annotated[int, Field(ge=1, le=10_000)]
    allocate_mib: Annotated[int, Field(ge=1, le=4096)]
    reserve_mib: Annotated[int, Field(ge=1, le=1024)]

    @property
    def path(self) -> Path:
        return self.dir / "router.journal"


class Operator(Table):
    """A person at the operator socket, told by the uid of the process. "self": the uid that the router runs
    under.
    """

    identity: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,31}$")]
    uid: Annotated[int, Field(ge=0, le=2**32 - 2)] | Literal["self"]
    roles: Annotated[tuple[Role, ...], Field(min_length=1, strict=False)]

    def is_uid(self, uid: int) -> bool:
        return uid == (os.getuid() if self.uid == "self" else self.uid)


class Control(Table):
    """The operator socket."""

    socket: FilePath
    operators: Annotated[tuple[Operator, ...], Field(min_length=1, max_length=256, strict=False)]

    @model_validator(mode="after")
    def _identities_differ(self) -> Self:
        names_once("identity", [operator.identity for operator in self.operators])
        return self


class Lockstep(Table):
    """Where the simulator's clock link listens. Left out: the machine's clock."""

    host: Literal["127.0.0.1", "::1", "localhost"]
    port: TcpPort
    name: Name


class Oms(Table):
    """The acceptor for the desks' order management systems."""

    host: Host
    port: TcpPort
    comp_id: CompId
    desks: Annotated[tuple[Desk, ...], Field(min_length=1, max_length=64, strict=False)]
    heartbeat_s: HeartbeatS
    logon_timeout_s: Annotated[int, Field(ge=1, le=600)]
    """A connection that has not logged on by then is closed."""
    tls: AcceptorTls | None = None

    @model_validator(mode="after")
    def _desks_fit(self) -> Self:
        names_once("comp_id", [desk.comp_id for desk in self.desks])
        if self.comp_id in [desk.comp_id for desk in self.desks]:
            raise ValueError(f"comp_id = {self.comp_id!r} is ours, and a desk's too")
        traders = {desk.comp_id for desk in self.desks if desk.drop_copy_of is None}
        for desk in self.desks:
            if desk.drop_copy_of is not None and desk.drop_copy_of not in traders:
                raise ValueError(
                    f"drop_copy_of = {desk.drop_copy_of!r}: no desk that trades has this comp_id"
                )
            if desk.pins and (self.tls is None or self.tls.ca is None):
                raise ValueError(
                    f"pins of {desk.comp_id}: needs oms.tls with a ca, so that desks show a certificate"
                )
        return self


class Decision(Table):
    """When a parent's next tick is due: every `interval_ms`, and after an event at the earliest
    `min_event_interval_ms` after the last tick.
    """

    interval_ms: Annotated[int, Field(ge=1, le=3_600_000)]
    min_event_interval_ms: Annotated[int, Field(ge=0, le=3_600_000)]

    @model_validator(mode="after")
    def _events_are_faster(self) -> Self:
        if self.min_event_interval_ms > self.interval_ms:
            pause = f"min_event_interval_ms = {self.min_event_interval_ms}"
            raise ValueError(f"{pause} is over interval_ms = {self.interval_ms}")
        return self


class Policy(Table):
    """When a policy's answer counts as late, and after how many late or bad ones in one parent it is off.
    Which policies run, on what, and for which TargetStrategy(847), is in the policies' list.
    """

    deadline_ms: Annotated[int, Field(ge=1, le=60_000)]
    off_after: Annotated[int, Field(ge=1, le=1000)]


class MarketData(Table):
    """`stale_ms`: a lit venue whose feed is silent for longer takes no part in decisions."""

    stale_ms: Annotated[int, Field(ge=1, le=600_000)]


class Orders(Table):
    """Patience with venues, and the bound of what waits to be sent on one session."""

    ack_timeout_ms: Annotated[int, Field(ge=1, le=600_000)]
    kill_timeout_ms: Annotated[int, Field(ge=1, le=600_000)]
    outbox_messages: Annotated[int, Field(ge=16, le=1_000_000)]
    reconnect_first_ms: Annotated[int, Field(ge=1, le=600_000)]
    reconnect_cap_ms: Annotated[int, Field(ge=1, le=3_600_000)]


class Files(Table):
    """The other settings files."""

    venues: FilePath
    limits: FilePath
    instruments: FilePath
    policies: FilePath


class Venue(Table):
    """One venue. Fees are parts per billion of the traded value (100_000 is 1 bp), negative for a rebate."""

    name: CompId
    slot: Annotated[int, Field(ge=0, le=7)]
    """Its place in the policies' state vector and actions. Never move a venue to another slot."""
    kind: Literal["lit", "dark"]
    host: Host
    port: TcpPort
    maker_fee_ppb: FeePpb
    taker_fee_ppb: FeePpb
    heartbeat_s: HeartbeatS
    order_entry: Session
    market_data: Session | None = None
    """Lit venues only."""
    drop_copy: Session | None = None
    """A session on which the venue sends copies of our reports."""
    depth: Annotated[int, Field(ge=0, le=100_000)]
    """MarketDepth(264) to ask for: 0 is the full book, 1 the touch."""

    @model_validator(mode="after")
    def _lit_venues_quote(self) -> Self:
        if (self.kind == "lit") != (self.market_data is not None):
            has = "needs" if self.kind == "lit" else "quotes nothing, so it takes no"
            raise ValueError(f"{self.name} is {self.kind}: it {has} market_data")
        return self

    @property
    def lit(self) -> bool:
        return self.kind == "lit"

    @property
    def by_field(self) -> dict[str, Session]:
        fields = {
            "order_entry": self.order_entry,
            "market_data": self.market_data,
            "drop_copy": self.drop_copy,
        }
        return {name: session for name, session in fields.items() if session is not None}

    @property
    def sessions(self) -> tuple[tuple[SessionKind, Session], ...]:
        """Its sessions, in the order that the journal numbers them."""
        kinds: dict[str, SessionKind] = {
            "order_entry": "orders", "market_data": "market data", "drop_copy": "drop copy",
        }  # fmt: skip
        return tuple((kinds[field], session) for field, session in self.by_field.items())


class _VenuesFile(Table):
    venues: Annotated[tuple[Venue, ...], Field(min_length=1, max_length=8, strict=False)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names_once("name", [venue.name for venue in self.venues])
        names_once("slot", [str(venue.slot) for venue in self.venues])
        names_once("port", [f"{venue.host}:{venue.port}" for venue in self.venues])
        names_once("session", [name_of(session) for v in self.venues for _, session in v.sessions])
        return self


class _RouterFile(Table):
    symbols: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z0-9./-]{1,24}$")], ...],
        Field(min_length=1, max_length=1024, strict=False),
    ]
    daemon: Daemon
    journal: Journal
    control: Control
    lockstep: Lockstep | None = None
    oms: Oms
    decision: Decision
    policy: Policy
    market_data: MarketData
    orders: Orders
    files: Files

    @model_validator(mode="after")
    def _symbols_differ(self) -> Self:
        names_once("symbol", list(self.symbols))
        return self


class Settings(_RouterFile):
    """All of it, with paths resolved. `venues` are in the order of their slots."""

    path: Path
    venues: tuple[Venue, ...]


def load(path: Path) -> Settings:
    """Read router.toml and the venues' file that it names. SettingsError."""
    router = read_settings(path, _RouterFile)
    base = path.resolve().parent
    files = Files.model_validate({name: (base / file).resolve() for name, file in router.files})
    control = router.control.model_copy(update={"socket": (base / router.control.socket).resolve()})
    length = len(os.fsencode(control.socket))
    if length > SOCKET_PATH_BYTES:
        raise SettingsError(
            f"{path}: control.socket = {control.socket}: {length} bytes; a unix socket's path has at most"
            f" {SOCKET_PATH_BYTES}"
        )
    venues = tuple(
        venue.model_copy(
            update={kind: _rooted(session, files.venues.parent) for kind, session in venue.by_field.items()}
        )
        for venue in read_settings(files.venues, _VenuesFile).venues
    )
    content = {name: getattr(router, name) for name in _RouterFile.model_fields}
    content |= {
        "path": path,
        "venues": tuple(sorted(venues, key=lambda venue: venue.slot)),
        "files": files,
        "control": control,
        "oms": _rooted(router.oms, base).model_copy(
            update={"desks": tuple(_rooted(desk, base) for desk in router.oms.desks)}
        ),
        "daemon": router.daemon.model_copy(update={"state_dir": (base / router.daemon.state_dir).resolve()}),
        "journal": router.journal.model_copy(update={"dir": (base / router.journal.dir).resolve()}),
    }
    return Settings.model_validate(content)


def name_of(session: Session) -> str:
    """What a session that we start is called: SenderCompID>TargetCompID."""
    return f"{session.sender_comp_id}>{session.target_comp_id}"


T = TypeVar("T", bound=Table)


def _rooted(table: T, base: Path) -> T:
    """`table` with its paths, and those of its TLS table, from `base` on."""
    update: dict[str, object] = {}
    for name, value in table:
        if isinstance(value, Path):
            update[name] = (base / value).resolve()
        elif isinstance(value, Tls | AcceptorTls):
            update[name] = _rooted(value, base)
    return table.model_copy(update=update)
