"""What the settings say of one FIX session: version, addresses, credentials, TLS, hours and options.

A venue's sessions (etc/venues.toml) and the desks' (etc/router.toml) share these tables. What is optional by
nature is left out; then a session is FIX 4.4, plain TCP, always open, and without limits of its own. No
password is ever here: only the file that holds it is named.
"""

from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from router.fix.dictionary.validation import FORMS, Validation
from router.fix.versions import VERSIONS
from router.schedule import WEEKDAYS, Schedule

Host = Annotated[str, Field(min_length=1, max_length=253)]
TcpPort = Annotated[int, Field(ge=1, le=65535)]
CompId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]
FilePath = Annotated[Path, BeforeValidator(lambda value: Path(value) if isinstance(value, str) else value)]
Pin = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a certificate's DER, in lower case hex: `openssl x509 -in FILE -outform DER | sha256sum`."""
Pins = Annotated[tuple[Pin, ...], Field(max_length=8, strict=False)]
Rate = Annotated[int, Field(ge=1, le=100_000)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Check = Literal[
    "required", "values", "types", "groups", "unknown_tags", "user_tags", "field_order", "empty_values",
    "repeated_tags", "msg_types",
]  # fmt: skip
FULL: tuple[str, ...] = tuple(check for check in get_args(Check) if getattr(Validation.FULL, check))
DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Address(Table):
    host: Host
    port: TcpPort

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Tls(Table):
    """TLS 1.2 or later, towards a venue. `ca` vouches for the venue's certificate, `server_name` is the name
    in it and the SNI; `certificate` and `key` are ours, if the venue wants one; `pins`, if any, name the
    only leaves taken.
    """

    ca: FilePath
    server_name: Host
    certificate: FilePath | None = None
    key: FilePath | None = None
    pins: Pins = ()

    @model_validator(mode="after")
    def _a_certificate_has_a_key(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        return self


class AcceptorTls(Table):
    """TLS 1.2 or later, for those who connect to us. With `ca` they must show a certificate that it vouches
    for.
    """

    certificate: FilePath
    key: FilePath
    ca: FilePath | None = None


class Hours(Table):
    """When a session is open. Wall-clock times of `zone`; `end` of `end_zone`, where that is another one.

    `days` are those on which it opens; an end at or before the start is on the next day. With `start_day` and
    `end_day` in their place it is open through from one to the other, once a week.
    """

    start: str
    end: str
    zone: str
    end_zone: str = ""
    days: Annotated[tuple[Weekday, ...], Field(max_length=7, strict=False)] = ()
    start_day: Weekday | None = None
    end_day: Weekday | None = None
    reset: Literal["never", "at start"]

    @model_validator(mode="after")
    def _makes_a_schedule(self) -> Self:
        self.schedule()
        return self

    def schedule(self) -> Schedule:
        weekly = self.start_day is not None and self.end_day is not None
        if weekly == bool(self.days) or (self.start_day is None) != (self.end_day is None):
            raise ValueError("a schedule needs either days, or start_day and end_day")
        opens = (self.start_day,) if self.start_day is not None else self.days
        return Schedule(
            _time("start", self.start),
            _time("end", self.end),
            _zone("zone", self.zone),
            _zone("end_zone", self.end_zone or self.zone),
            frozenset(WEEKDAYS.index(day) for day in opens),
            None if self.end_day is None else WEEKDAYS.index(self.end_day),
        )


class CustomTag(Table):
    """A tag of a venue's own: in which messages (MsgTypes; none named: in all) and of which FIX data type."""

    tag: Annotated[int, Field(ge=1, le=2**31 - 1)]
    type: Annotated[str, Field(pattern=r"^[A-Za-z]{1,32}$")] = "String"
    messages: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,4}$")], ...], Field(strict=False)
    ] = ()

    @model_validator(mode="after")
    def _type_is_known(self) -> Self:
        if self.type not in FORMS:
            raise ValueError(f"type = {self.type!r} is none of {', '.join(FORMS)}")
        return self


class Terms(Table):
    """What is agreed with a peer beyond the CompIDs."""

    version: Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"] = "FIX.4.4"
    username: Annotated[str, Field(pattern=r"^[!-~]{0,64}$")] = ""
    password_file: FilePath | None = None
    schedule: Hours | None = None
    timestamp: Literal["s", "ms", "us", "ns"] = "ms"
    """Decimals of SendingTime(52)."""
    sending_time_tolerance_s: Annotated[int, Field(ge=1, le=86_400)] = 120
    next_expected: bool = False
    """NextExpectedMsgSeqNum(789) in the Logon."""
    last_processed: bool = False
    """LastMsgSeqNumProcessed(369) in every header."""
    resend_chunk: Annotated[int, Field(ge=0, le=100_000)] = 0
    """So many messages are asked for by one ResendRequest; 0: all that are missing."""
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    validation: Literal["framing", "full"] | Annotated[tuple[Check, ...], Field(strict=False)] = "framing"
    custom_tags: Annotated[tuple[CustomTag, ...], Field(max_length=256, strict=False)] = ()
    max_messages_per_s: Rate | None = None
    cancels_per_s: Rate | None = None
    """Of those, kept for cancels."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        version = VERSIONS[self.version]
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file belong together")
        for field, value, has in (
            ("username", self.username, version.credentials),
            ("next_expected", self.next_expected, version.next_expected),
        ):
            if value and not has:
                shown = "true" if value is True else repr(value)
                raise ValueError(f"{field} = {shown}: {self.version} has no such field in Logon(A)")
        if self.custom_tags and not self.checks:
            raise ValueError('custom_tags: nothing looks at tags with validation = "framing"')
        if self.cancels_per_s is not None:
            share, limit = f"cancels_per_s = {self.cancels_per_s}", self.max_messages_per_s
            if limit is None:
                raise ValueError(f"{share} is a share of max_messages_per_s, which is missing")
            if self.cancels_per_s >= limit:
                raise ValueError(f"{share} is not below max_messages_per_s = {limit}")
        return self

    @property
    def checks(self) -> tuple[str, ...]:
        """The dictionary's checks that are made; none with "framing"."""
        if isinstance(self.validation, str):
            return FULL if self.validation == "full" else ()
        return self.validation


class Session(Terms):
    """A session that we start: CompIDs, and where its peer is, if not where the venue's others are."""

    sender_comp_id: CompId
    target_comp_id: CompId
    addresses: Annotated[tuple[Address, ...], Field(min_length=1, max_length=8, strict=False)] | None = None
    """The primary first; in place of the venue's host and port."""
    new_password_file: FilePath | None = None
    """NewPassword(925), while the venue still knows the old one. FIX.5.0SP2 only."""
    tls: Tls | None = None

    @model_validator(mode="after")
    def _new_password(self) -> Self:
        if self.new_password_file is not None and not VERSIONS[self.version].new_password:
            raise ValueError(f"new_password_file: {self.version} has no NewPassword(925) in Logon(A)")
        if self.new_password_file is not None and self.password_file is None:
            raise ValueError("new_password_file needs username and password_file")
        return self


class Desk(Terms):
    """A session that a desk starts. `drop_copy_of`: the CompID of the desk whose reports it gets too."""

    comp_id: CompId
    drop_copy_of: CompId | None = None
    refuse_reset: bool = False
    """The desk's ResetSeqNumFlag(141)=Y is refused."""
    pins: Pins = ()
    """With TLS: the only certificates that may speak for this desk."""


def names_once(field: str, values: Iterator[str] | list[str]) -> None:
    """ValueError for a value that comes twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{field} {value} appears more than once")
        seen.add(value)


def _time(field: str, text: str) -> time:
    try:
        value = time.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is not None or value.microsecond or len(text) not in (5, 8):
        raise ValueError(f'{field} = {text!r} is not a time of day such as "08:00" or "17:30:00"')
    return value


def _zone(field: str, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{field} = {name!r} is not a time zone such as Europe/London") from None
