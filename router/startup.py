"""From settings files to the engine's configuration: everything that the journal's START record must hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from risk.errors import SettingsError
from risk.instrument import ReferenceData, load_instruments
from risk.limits import load_limits
from router.config import CustomTagSpec, EngineConfig, SessionSpec, StrategyConfig, VenueConfig
from router.opening import session_config
from router.peers import DIGITS, Desk, Session
from router.settings import MS, Settings, name_of


class LoadedPolicy(Protocol):
    """What of a policy goes into the record."""

    name: str
    sha256: str
    temperature: float


def engine_config(
    settings: Settings, policies: Mapping[int, LoadedPolicy], first_order_number: int
) -> tuple[EngineConfig, ReferenceData]:
    """Reads limits and instruments. SettingsError names file, field, value and rule."""
    limits = load_limits(settings.files.limits)
    reference = load_instruments(settings.files.instruments)
    known = {settings.files.instruments: reference.instruments, settings.files.limits: limits.symbols}
    for symbol in settings.symbols:
        for path, symbols in known.items():
            if symbol not in symbols:
                raise SettingsError(f"{settings.path}: symbols = {symbol!r}: {path} has no such symbol")
    for symbol in sorted(reference.instruments.keys() ^ limits.symbols.keys()):
        table, other = known if symbol in reference.instruments else reversed(known)
        raise SettingsError(f"{table}: {symbol} is not in {other}: every symbol needs instrument and limits")
    slots = [venue.slot for venue in settings.venues]
    if slots != list(range(len(slots))):
        raise SettingsError(
            f"{settings.files.venues}: venues.slot = {slots}: slots must be 0, 1, 2, … without gaps"
        )
    config = EngineConfig(
        prefix=settings.daemon.clordid_prefix,
        venues=tuple(
            VenueConfig(
                name=venue.name,
                slot=venue.slot,
                lit=venue.lit,
                maker_fee_ppb=venue.maker_fee_ppb,
                taker_fee_ppb=venue.taker_fee_ppb,
                depth=venue.depth,
            )
            for venue in settings.venues
        ),
        sessions=sessions_of(settings),
        strategies=tuple(
            StrategyConfig(code=code, policy=p.name, sha256=p.sha256, temperature=p.temperature)
            for code, p in sorted(policies.items())
        ),
        symbols=settings.symbols,
        instruments={name: dataclasses.asdict(i) for name, i in sorted(reference.instruments.items())},
        limits=limits.model_dump(mode="json"),
        decision_interval_ns=settings.decision.interval_ms * MS,
        min_event_interval_ns=settings.decision.min_event_interval_ms * MS,
        policy_deadline_ns=settings.policy.deadline_ms * MS,
        policy_off_after=settings.policy.off_after,
        ack_timeout_ns=settings.orders.ack_timeout_ms * MS,
        kill_timeout_ns=settings.orders.kill_timeout_ms * MS,
        market_data_stale_ns=settings.market_data.stale_ms * MS,
        outbox_bound=settings.orders.outbox_messages,
        seed=settings.daemon.seed,
        first_order_number=first_order_number,
    )
    return config, reference


def sessions_of(settings: Settings) -> tuple[SessionSpec, ...]:
    """Each venue's sessions by slot, then the desks'. SettingsError if one cannot be as it is asked for."""
    specs: list[SessionSpec] = []
    for venue in settings.venues:
        for kind, session in venue.sessions:
            specs.append(
                SessionSpec(
                    name=name_of(session),
                    kind=kind,
                    venue=venue.slot,
                    sender_comp_id=session.sender_comp_id,
                    target_comp_id=session.target_comp_id,
                    heart_bt_int_s=venue.heartbeat_s,
                    **_terms(session),
                    username=session.username,
                    has_password=session.password_file is not None,
                    has_new_password=session.new_password_file is not None,
                )
            )
    oms = settings.oms
    for desk in oms.desks:
        copies = desk.drop_copy_of
        specs.append(
            SessionSpec(
                name=f"{oms.comp_id}>{desk.comp_id}",
                kind="desk" if copies is None else "desk drop copy",
                venue=-1,
                sender_comp_id=oms.comp_id,
                target_comp_id=desk.comp_id,
                heart_bt_int_s=oms.heartbeat_s,
                **_terms(desk),
                drop_copy_of="" if copies is None else f"{oms.comp_id}>{copies}",
                requires_password=desk.password_file is not None,
                refuse_reset=desk.refuse_reset,
            )
        )
    for spec in specs:
        try:
            session_config(spec)
        except ValueError as error:
            path = settings.files.venues if spec.venue >= 0 else settings.path
            raise SettingsError(f"{path}: {error}") from None
    return tuple(specs)


def _terms(terms: Session | Desk) -> dict[str, Any]:
    """What a session's table says, as far as the engine must know."""
    rate = terms.max_messages_per_s or 0
    return {
        "version": terms.version,
        "send_next_expected": terms.next_expected,
        "send_last_processed": terms.last_processed,
        "timestamp_digits": DIGITS[terms.timestamp],
        "sending_time_tolerance_s": terms.sending_time_tolerance_s,
        "resend_chunk": terms.resend_chunk,
        "reset_on_logon": terms.reset_on_logon,
        "reset_on_logout": terms.reset_on_logout,
        "reset_on_disconnect": terms.reset_on_disconnect,
        "validation": terms.checks,
        "custom_tags": tuple(
            CustomTagSpec(tag=custom.tag, type=custom.type, messages=custom.messages)
            for custom in terms.custom_tags
        ),
        "max_messages_per_s": rate,
        "cancels_per_s": rate // 4 if terms.cancels_per_s is None else terms.cancels_per_s,
        "has_schedule": terms.schedule is not None,
        "reset_at_start": terms.schedule is not None and terms.schedule.reset == "at start",
    }
