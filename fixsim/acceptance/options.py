"""What may be asked of the acceptor: which sessions there are, and what each of them checks.

An option has one name everywhere: a field here, `--name` on the command line, and `name=value` where one
session differs from the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from fixsim.acceptance.echo import RESENT
from risk.errors import SettingsError
from router.fix.config import SessionConfig
from router.fix.dictionary import Validation
from router.fix.versions import VERSIONS, Version

DIGITS: Final[dict[str, Literal[0, 3, 6, 9]]] = {"s": 0, "ms": 3, "us": 6, "ns": 9}
MAX_SECONDS: Final = 86_400
_NUMBERS: Final = {  # option: least, greatest
    "heartbeat": (0, MAX_SECONDS),
    "max_latency": (1, MAX_SECONDS),
    "logon_timeout": (1, MAX_SECONDS),
    "logout_timeout": (1, MAX_SECONDS),
    "resend_chunk": (0, 1_000_000),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Of one session. Times are seconds."""

    heartbeat: int | None = None
    check_comp_ids: bool = True
    check_latency: bool = True
    max_latency: int = 120
    dictionary: bool = True
    validate_required: bool = True
    validate_values: bool = True
    validate_types: bool = True
    validate_groups: bool = True
    validate_field_order: bool = True
    validate_empty_values: bool = True
    validate_repeated_tags: bool = True
    validate_unknown_fields: bool = True
    validate_user_defined_fields: bool = True
    validate_message_types: bool = True
    reset_on_logon: bool = True
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    next_expected: bool = False
    last_processed: bool = False
    resend: bool = True
    resend_chunk: int = 0
    timestamp_precision: str = "ms"
    logon_timeout: int = 10
    logout_timeout: int = 2
    explain: bool = False
    logon_refusals: bool = False
    version_in_business_rejects: bool = False

    def __post_init__(self) -> None:
        for name, (least, greatest) in _NUMBERS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= greatest:
                raise SettingsError(f"{shown(name)} = {value}: must be from {least} to {greatest}")
        if self.timestamp_precision not in DIGITS:
            rule = f"must be one of {', '.join(DIGITS)}"
            raise SettingsError(f"{shown('timestamp_precision')} = {self.timestamp_precision!r}: {rule}")

    @property
    def validation(self) -> Validation:
        if not self.dictionary:
            return Validation(empty_values=self.validate_empty_values)
        return Validation(
            required=self.validate_required,
            values=self.validate_values,
            types=self.validate_types,
            groups=self.validate_groups,
            field_order=self.validate_field_order,
            empty_values=self.validate_empty_values,
            repeated_tags=self.validate_repeated_tags,
            unknown_tags=self.validate_unknown_fields,
            user_tags=self.validate_user_defined_fields,
            msg_types=self.validate_message_types,
        )


class Plan(NamedTuple):
    """One session to be."""

    config: SessionConfig
    options: Options


OWN_NAMES: Final = {"FIX.4.2": "TW42", "FIX.4.4": "TW44", "FIX.5.0SP2": "TW50SP2"}
ANY_NAME: Final = "TW"
UNCHECKED_NAME: Final = "NO_CHECK_FIELDS_HAVE_VALUES"  # FIX 4.4, where empty values pass


def shown(name: str) -> str:
    """An option as the command line has it."""
    return f"--{name.replace('_', '-')}"


def plans(
    sender: str,
    versions: Sequence[str],
    targets: Sequence[str],
    sessions: Sequence[str],
    options: Options,
) -> list[Plan]:
    """Every session: each target in each version (`VERSION:COMPID`: in that one), and `sessions`, which are
    `VERSION:COMPID,option=value,...` and differ from `options` by what they say. SettingsError for what
    cannot be.
    """
    if not versions:
        raise SettingsError("--version: at least one is needed")
    spoken = [_version("--version", name) for name in dict.fromkeys(versions)]
    made: dict[tuple[str, str], Plan] = {}
    for version, target, own in _wanted(spoken, targets, sessions, options):
        made[version.name, target] = Plan(_config(sender, version, target, own), own)
    return list(made.values())


def _wanted(
    spoken: list[Version], targets: Sequence[str], sessions: Sequence[str], options: Options
) -> Iterable[tuple[Version, str, Options]]:
    if not targets and not sessions:
        for version in spoken:
            yield version, ANY_NAME, options
            yield version, OWN_NAMES[version.name], options
            if version.name == "FIX.4.4":
                yield version, UNCHECKED_NAME, dataclasses.replace(options, validate_empty_values=False)
    for target in targets:
        name, colon, comp_id = target.partition(":")
        if colon and name in VERSIONS:
            yield VERSIONS[name], comp_id, options
        else:
            for version in spoken:
                yield version, target, options
    for text in sessions:
        head, *parts = text.split(",")
        name, _, comp_id = head.partition(":")
        version = _version("--session", name)
        if not comp_id:
            raise SettingsError(f"--session = {text!r}: must be VERSION:COMPID[,OPTION=VALUE...]")
        yield version, comp_id, _differing(options, parts)


def _version(option: str, name: str) -> Version:
    if name not in VERSIONS:
        raise SettingsError(f"{option} = {name!r}: must be one of {', '.join(VERSIONS)}")
    return VERSIONS[name]


def _differing(options: Options, parts: list[str]) -> Options:
    """`options` but for `name=value` parts."""
    changes: dict[str, object] = {}
    for part in parts:
        name, _, wire = part.partition("=")
        field = name.strip().replace("-", "_")
        if field not in Options.__dataclass_fields__:
            known = ", ".join(known.replace("_", "-") for known in Options.__dataclass_fields__)
            raise SettingsError(f"--session: {name!r} is no option; there are {known}")
        changes[field] = _value(name, wire.strip(), getattr(Options(), field))
    return dataclasses.replace(options, **changes)  # type: ignore[arg-type]


def _value(name: str, wire: str, like: object) -> object:
    if isinstance(like, bool):
        if wire not in ("yes", "no"):
            raise SettingsError(f"--session: {name} = {wire!r}: must be yes or no")
        return wire == "yes"
    if isinstance(like, str):
        return wire
    if not (wire.isascii() and wire.isdecimal() and len(wire) < 10):
        raise SettingsError(f"--session: {name} = {wire!r}: must be a whole number")
    return int(wire)


def _config(sender: str, version: Version, target: str, options: Options) -> SessionConfig:
    try:
        return SessionConfig(
            name=f"{version.name} {sender} {target}",
            role="acceptor",
            sender_comp_id=sender,
            target_comp_id=target,
            version=version,
            check_comp_ids=options.check_comp_ids,
            check_latency=options.check_latency,
            sending_time_tolerance_ns=options.max_latency * 1_000_000_000,
            validation=options.validation,
            reset_on_logon=options.reset_on_logon,
            reset_on_logout=options.reset_on_logout,
            reset_on_disconnect=options.reset_on_disconnect,
            send_next_expected=options.next_expected and version.next_expected,
            send_last_processed=options.last_processed,
            resend=RESENT if options.resend else frozenset(),
            may_resend_orders=options.resend,
            resend_to_infinity=True,
            await_logout=True,
            resend_chunk=options.resend_chunk,
            timestamp_digits=DIGITS[options.timestamp_precision],
            logon_timeout_s=options.logon_timeout,
            logout_timeout_s=options.logout_timeout,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None
