"""Makes the engine's sessions and books from its configuration, keeping the sessions of an earlier start.

A session that lives on keeps its sequence numbers and what it may have to send again. D, F, G, H and V are
never sent again to a venue: they are gap filled, and the engine decides afresh.
"""

from __future__ import annotations

import dataclasses

from risk.errors import SettingsError
from risk.market import Market
from router.config import EngineConfig, SessionSpec
from router.core import Core, Port, PortKind
from router.fix import tags
from router.fix.decimals import NANOS
from router.fix.dictionary.validation import Validation
from router.fix.session import Session, SessionConfig
from router.fix.versions import VERSIONS
from router.marketdata import FeedLimits, MarketData, Venue
from router.outbox import Outbox
from router.throttle import Throttle

DESK_RESENDS = frozenset(
    {
        tags.EXECUTION_REPORT,
        tags.ORDER_CANCEL_REJECT,
        tags.ORDER_MASS_CANCEL_REPORT,
        tags.BUSINESS_MESSAGE_REJECT,
    }
)


NEVER_LOST = frozenset({tags.EXECUTION_REPORT, tags.ORDER_CANCEL_REJECT})
CHECKS = tuple(field.name for field in dataclasses.fields(Validation) if field.type == "bool")


def refuse_misfit(config: EngineConfig, old: Core) -> None:
    """SettingsError if what is still open could not go on under `config`: a live order is at the venue that
    its slot names, and an open parent trades its symbol.
    """
    slots = {venue.name: venue.slot for venue in config.venues}
    for child in old.orders.live():
        venue = child.order.venue
        if slots.get(venue) != child.venue:
            now = f"slot {slots[venue]}" if venue in slots else "not in the settings"
            raise SettingsError(
                f"venues: {venue} is {now}, and was slot {child.venue}: order {child.cl_ord_id} may be there"
            )
    for work in old.parents.values():
        if not work.is_ended and work.parent.symbol not in config.symbols:
            raise SettingsError(
                f"symbols: {work.parent.symbol} is missing, and parent {work.parent.parent_id} is open"
            )


def open_ports(core: Core, old: Core | None) -> None:
    """One port for each session, in the order of the configuration, which is their number in the journal."""
    before = {} if old is None else {port.session.name: port for port in old.ports}
    for spec in core.config.sessions:
        open_port(core, spec, before.get(spec.name))


def open_port(core: Core, spec: SessionSpec, before: Port | None = None) -> None:
    """The next port. `before` is the session's port in the process that was."""
    kind, config, index = PortKind(spec.kind), session_config(spec), len(core.ports)
    session = Session(config) if before is None else before.session
    if before is not None and session.config != config:
        session = Session(config)
        session.inherit(before.session)
    elif before is not None and before.up:
        session.disconnected(core.now_ns)  # the process that held the connection is gone
    port = Port(index, kind, spec.venue, session, Outbox(core.config.outbox_bound), bytes((index,)))
    if spec.max_messages_per_s:
        port.throttle = Throttle(spec.max_messages_per_s, spec.cancels_per_s)
    port.is_open = not spec.has_schedule
    core.ports.append(port)
    if before is not None:
        port.period_ns, port.reset_due = before.period_ns, before.reset_due
        if kind.is_acceptor:
            for message in before.outbox.waiting():
                core.queue(port, message)  # reports that are owed
    if kind is PortKind.ORDERS:
        core.order_ports[spec.venue] = port
    elif kind is PortKind.MARKET_DATA:
        core.feed_ports[spec.venue] = port


def session_config(spec: SessionSpec) -> SessionConfig:
    """ValueError if the version or the role lacks what is asked for."""
    desk = PortKind(spec.kind).is_acceptor
    rate = spec.max_messages_per_s
    return SessionConfig(
        name=spec.name,
        role="acceptor" if desk else "initiator",
        sender_comp_id=spec.sender_comp_id,
        target_comp_id=spec.target_comp_id,
        version=VERSIONS[spec.version],
        heart_bt_int_s=spec.heart_bt_int_s,
        username=spec.username,
        has_password=spec.has_password,
        has_new_password=spec.has_new_password,
        requires_password=spec.requires_password,
        send_next_expected=spec.send_next_expected,
        send_last_processed=spec.send_last_processed,
        reset_on_logon=spec.reset_on_logon,
        reset_on_logout=spec.reset_on_logout,
        reset_on_disconnect=spec.reset_on_disconnect,
        refuse_reset=spec.refuse_reset,
        sending_time_tolerance_ns=spec.sending_time_tolerance_s * NANOS,
        validation=_validation(spec),
        lenient=frozenset() if desk else NEVER_LOST,
        timestamp_digits=spec.timestamp_digits,
        resend=DESK_RESENDS if desk else frozenset(),
        resend_burst=max(1, (rate - spec.cancels_per_s) // 2) if rate else 0,
        resend_chunk=spec.resend_chunk,
    )


def _validation(spec: SessionSpec) -> Validation:
    if not spec.validation:
        return Validation.FRAMING
    custom = tuple((tag.tag, tag.type, tag.messages) for tag in spec.custom_tags)
    return Validation(
        **{check: check in spec.validation for check in CHECKS},
        custom=custom,
    )


def open_markets(core: Core) -> None:
    """The books of each symbol, empty: they are asked for when the sessions are up."""
    config = core.config
    venues = [Venue(venue.name, venue.lit) for venue in config.venues]
    for symbol in config.symbols:
        limits = FeedLimits(silence_ns=config.market_data_stale_ns, depth=max(v.depth for v in config.venues))
        core.markets[symbol] = MarketData(core.instruments[symbol], venues, Market(), limits)
