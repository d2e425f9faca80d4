"""From settings files to the engine's configuration: everything that the journal's START record must hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from risk.errors import SettingsError
from risk.instrument import ReferenceData, load_instruments
from risk.limits import load_limits
from router.config import EngineConfig, SessionSpec, StrategyConfig, VenueConfig
from router.settings import MS, Settings


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
        sessions=tuple(_sessions(settings)),
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


def _sessions(settings: Settings) -> list[SessionSpec]:
    """Order entry and market data of each venue by slot, then the desks."""
    specs: list[SessionSpec] = []
    for venue in settings.venues:
        links = [("orders", venue.order_entry)]
        if venue.market_data is not None:
            links.append(("market data", venue.market_data))
        for kind, session in links:
            specs.append(
                SessionSpec(
                    name=f"{session.sender_comp_id}>{session.target_comp_id}",
                    kind=kind,
                    venue=venue.slot,
                    sender_comp_id=session.sender_comp_id,
                    target_comp_id=session.target_comp_id,
                    heart_bt_int_s=venue.heartbeat_s,
                )
            )
    specs.extend(
        SessionSpec(
            name=f"{settings.oms.comp_id}>{desk}",
            kind="desk",
            venue=-1,
            sender_comp_id=settings.oms.comp_id,
            target_comp_id=desk,
            heart_bt_int_s=settings.oms.heartbeat_s,
        )
        for desk in settings.oms.desks
    )
    return specs
