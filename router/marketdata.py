"""The market of one instrument from all venues' feeds: which book may be used, and the CBBO of those.

A venue's feed is in one of four states, and moves only as TRANSITIONS lists:

    EMPTY -> WAITING_SNAPSHOT -> LIVE -> QUARANTINED -> WAITING_SNAPSHOT -> ...

Only a LIVE venue is in `usable`, and so in the consolidated book. Whatever may have left its book wrong
(a sequence gap, a lost session, an entry that cannot be understood or cannot follow, a crossed book,
silence) quarantines it: the book is emptied, the request in force ends, and a new MarketDataRequest
rebuilds it from a snapshot (controls.md, "What goes wrong"). The first rebuild starts at once; one that
fails again waits, doubling up to a bound.

Silence: after `silence_ns` without any message on the session one TestRequest is asked for; if
`answer_ns` later there is still none, the venue is quarantined.

No clock, no I/O: time comes in, outputs go out, and `deadline_ns` says when `timer` wants to be called.
The risk layer's Market is written here, by change only; risk reads it. (Not its `session_up`, which is
about orders.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from risk.instrument import Instrument
from risk.market import Market, VenueMarket
from router.book import CROSSED, TOUCH, TRADED, V_MAX, Books, Flags, cbbo, clear, new_books
from router.feeds.decode import OTHER_REQUEST
from router.feeds.fix import REFUSED, FixFeed
from router.feeds.states import (
    TRANSITIONS,
    Event,
    FeedLimits,
    Moved,
    Output,
    Probe,
    Request,
    State,
    Venue,
)
from router.fix.codec import Message

__all__ = [
    "TRANSITIONS",
    "Event",
    "FeedLimits",
    "MarketData",
    "Moved",
    "Output",
    "Probe",
    "Request",
    "State",
    "Venue",
]

_NONE: tuple[Output, ...] = ()


class MarketData:
    """All venues' feeds of one instrument; `books[v]`, `usable[v]` by venue slot.

    After each call that takes an input `changed` holds flags of what it did: TRADED, and TOUCH, which
    here means that the CONSOLIDATED touch moved in price or quantity, or that a venue came or went.
    bid_px, bid_qty, ask_px and ask_qty (half ticks, lots, 0 = none) are the consolidated touch.
    """

    __slots__ = (
        "_asked_ns",
        "_attempts",
        "_clean_seq",
        "_due_ns",
        "_feed",
        "_half_tick_nanos",
        "_limits",
        "_live_ns",
        "_next_ns",
        "_requests",
        "_venue_markets",
        "ask_px",
        "ask_qty",
        "bid_px",
        "bid_qty",
        "books",
        "changed",
        "instrument",
        "market",
        "passed_over",
        "quarantines",
        "states",
        "usable",
        "venues",
    )

    def __init__(
        self,
        instrument: Instrument,
        venues: Sequence[Venue],
        market: Market,
        limits: FeedLimits | None = None,
    ) -> None:
        """`market` gets an entry for each venue that it lacks. ValueError: too many venues, or one twice."""
        if len(venues) > V_MAX or len({venue.name for venue in venues}) != len(venues):
            raise ValueError(f"venues {[v.name for v in venues]} must be at most {V_MAX}, each once")
        self.instrument = instrument
        self.venues = tuple(venues)
        self.market = market
        self.books: Books = new_books()
        self.usable: Flags = np.zeros(V_MAX, np.bool_)
        self.states = [State.EMPTY] * len(venues)
        self.changed = 0
        self.bid_px = self.bid_qty = self.ask_px = self.ask_qty = 0
        self.quarantines = [0] * len(venues)  # how often
        self.passed_over = [0] * len(venues)  # messages of an earlier request, or while no snapshot is held
        self._feed = FixFeed(instrument, self.books, self.usable)
        self._limits = limits or FeedLimits()
        self._half_tick_nanos = instrument.px_to_nanos(1)
        for venue in venues:
            market.venues.setdefault(venue.name, VenueMarket(lit=venue.lit))
        self._venue_markets = [market.venues[venue.name] for venue in venues]
        self._requests = 0
        self._attempts = [0] * len(venues)  # requests since the book was last good for long
        self._clean_seq = [0] * len(venues)  # MsgSeqNum of the last message applied
        self._live_ns = [0] * len(venues)  # when it last came into use
        self._asked_ns = [0] * len(venues)  # when a TestRequest was last asked for
        self._due_ns: list[int | None] = [None] * len(venues)  # WAITING: give up; QUARANTINED: ask again
        self._next_ns: int | None = None

    # The hot path.

    def on_message(self, v: int, message: Message, now_ns: int) -> Sequence[Output]:
        """A W, X or Y of this instrument from slot v's session; other messages only show that it lives."""
        venue = self._venue_markets[v]
        venue.last_message_ns = now_ns
        if message.msg_type != b"X" or self.states[v] is not State.LIVE:
            return self._on_other(v, message, now_ns)
        if message.seq <= self._clean_seq[v]:
            return self._quarantine(v, now_ns, f"incremental {message.seq} is older than what it follows")
        flags, bid_px, bid_qty, ask_px, ask_qty, last_px = self._feed.incremental(v, message, now_ns)
        if flags == REFUSED:
            return self._quarantine(v, now_ns, str(self._feed.error(message)))
        if flags & OTHER_REQUEST:
            self.passed_over[v] += 1
            self.changed = 0
            return _NONE
        if flags & CROSSED:
            return self._quarantine(v, now_ns, "its book is crossed by itself")
        self._clean_seq[v] = message.seq
        market = self.market
        market.updated_ns = now_ns
        if flags & TOUCH and not self._set_touch(bid_px, bid_qty, ask_px, ask_qty):
            flags ^= TOUCH
        if flags & TRADED:
            market.last_sale_nanos = last_px * self._half_tick_nanos
            market.last_sale_ns = now_ns
        self.changed = flags
        return _NONE

    def heard(self, v: int, now_ns: int) -> None:
        """Any other message on slot v's market data session: an ordered stream is then current up to it."""
        self._venue_markets[v].last_message_ns = now_ns
        if self.states[v] is State.LIVE:
            self.market.updated_ns = now_ns

    def deadline_ns(self) -> int | None:
        """When to call `timer`: never too late; at times too early, since a message only puts it off."""
        return self._next_ns

    # Everything else.

    def feed_up(self, v: int, now_ns: int) -> Sequence[Output]:
        """Lit slot v's market data session has logged on."""
        assert self.venues[v].lit, "a dark venue has no feed"
        self.changed = 0
        self._venue_markets[v].last_message_ns = now_ns
        if (self.states[v], Event.REQUESTED) not in TRANSITIONS:
            return _NONE
        self._attempts[v] = 0
        return self._request(v, now_ns)

    def feed_down(self, v: int, now_ns: int) -> Sequence[Output]:
        """Slot v's market data session is gone; the request it carried ended with it."""
        self.changed = 0
        if (self.states[v], Event.SESSION_LOST) not in TRANSITIONS:
            self._due_ns[v] = None
            self._set_deadline()
            return _NONE
        self._feed.forget(v)
        return self._leave(v, Event.SESSION_LOST, now_ns, "its session is down")

    def gap(self, v: int, now_ns: int) -> Sequence[Output]:
        """The session found a gap in MsgSeqNum: what was in it is not known."""
        if (self.states[v], Event.FAULT) not in TRANSITIONS:
            self.changed = 0
            return _NONE
        return self._quarantine(v, now_ns, "messages are missing")

    def halted(self, v: int, halted: bool) -> None:
        """Trading in the instrument at that venue stops, or goes on."""
        self._venue_markets[v].halted = halted

    def timer(self, now_ns: int) -> Sequence[Output]:
        """What is due: TestRequests, quarantine of the silent and of the unanswered, new requests."""
        self.changed = 0
        changed = 0
        outputs: list[Output] = []
        for v, state in enumerate(self.states):
            due = self._due_ns[v]
            if due is not None and now_ns >= due:
                if state is State.WAITING_SNAPSHOT:
                    outputs += self._quarantine(v, now_ns, "no snapshot came")
                else:
                    outputs += self._request(v, now_ns)
            elif state is State.LIVE:
                outputs += self._watch(v, now_ns)
            changed |= self.changed
        self.changed = changed
        self._set_deadline()
        return outputs

    def _watch(self, v: int, now_ns: int) -> Sequence[Output]:
        heard_ns = self._venue_markets[v].last_message_ns
        if now_ns < heard_ns + self._limits.silence_ns:
            return _NONE
        if self._asked_ns[v] <= heard_ns:
            self._asked_ns[v] = now_ns
            return (Probe(v),)
        if now_ns < self._asked_ns[v] + self._limits.answer_ns:
            return _NONE
        return self._quarantine(v, now_ns, f"silent for {(now_ns - heard_ns) / 1e9:.3f} s")

    def _on_other(self, v: int, message: Message, now_ns: int) -> Sequence[Output]:
        self.changed = 0
        state = self.states[v]
        if message.msg_type == b"W" and state in (State.WAITING_SNAPSHOT, State.LIVE):
            return self._snapshot(v, message, now_ns)
        if message.msg_type == b"X":
            mine = self._feed.request(v)
            if state is State.WAITING_SNAPSHOT and message.get(262) == mine:
                return self._quarantine(v, now_ns, "incremental before its snapshot")
            self.passed_over[v] += 1
        elif message.msg_type == b"Y" and message.get(262) == self._feed.request(v) and self._feed.request(v):
            text = (message.get(58) or message.get(281) or b"").decode("latin-1")
            self._feed.forget(v)
            return self._quarantine(v, now_ns, f"MarketDataRequest was rejected: {text}")
        else:
            self.heard(v, now_ns)
        return _NONE

    def _snapshot(self, v: int, message: Message, now_ns: int) -> Sequence[Output]:
        flags = self._feed.snapshot(v, message, now_ns)
        if flags == REFUSED:
            return self._quarantine(v, now_ns, str(self._feed.error(message)))
        if flags & OTHER_REQUEST:
            self.passed_over[v] += 1
            return _NONE
        if flags & CROSSED:
            return self._quarantine(v, now_ns, "its snapshot is crossed")
        fresh = self.states[v] is not State.LIVE
        self.states[v] = TRANSITIONS[self.states[v], Event.SNAPSHOT]
        self._clean_seq[v] = message.seq
        self._due_ns[v] = None
        if fresh:
            self._live_ns[v] = now_ns
        self.usable[v] = True
        self._venue_markets[v].intact = True
        self.market.updated_ns = now_ns
        self._consolidate()
        self._set_deadline()
        return (Moved(v, State.LIVE, "snapshot"),) if fresh else _NONE

    def _request(self, v: int, now_ns: int) -> Sequence[Output]:
        """Ask for the book from empty. The time in the name keeps it apart from any other run's."""
        self._requests += 1
        self._attempts[v] += 1
        self.states[v] = TRANSITIONS[self.states[v], Event.REQUESTED]
        name = f"{self.instrument.symbol}-{v}-{self._requests}-{now_ns}".encode("ascii")
        body = self._feed.subscribe(v, name, self._limits.depth)
        self._due_ns[v] = now_ns + self._limits.snapshot_ns
        self._set_deadline()
        return (Request(v, body),)

    def _quarantine(self, v: int, now_ns: int, reason: str) -> Sequence[Output]:
        return self._leave(v, Event.FAULT, now_ns, reason)

    def _leave(self, v: int, event: Event, now_ns: int, reason: str) -> Sequence[Output]:
        """Into quarantine: out of the consolidated book, emptied, and asked for again now or later."""
        if self.states[v] is State.LIVE and now_ns - self._live_ns[v] >= self._limits.max_retry_ns:
            self._attempts[v] = 1
        self.states[v] = TRANSITIONS[self.states[v], event]
        self.quarantines[v] += 1
        self.usable[v] = False
        self._venue_markets[v].intact = False
        clear(self.books, v)
        self._consolidate()
        outputs: list[Output] = [Moved(v, State.QUARANTINED, reason)]
        self._due_ns[v] = None
        ended = self._feed.unsubscribe(v, self._limits.depth)
        if event is Event.FAULT:
            if ended is not None:
                outputs.append(Request(v, ended))
            wait_ns = self._backoff_ns(v)
            if wait_ns == 0:
                outputs += self._request(v, now_ns)
            else:
                self._due_ns[v] = now_ns + wait_ns
        self._set_deadline()
        return outputs

    def _backoff_ns(self, v: int) -> int:
        """Before the next request: nothing at first, then retry_ns, doubling up to its bound."""
        repeats = self._attempts[v] - 2
        if repeats < 0:
            return 0
        return min(self._limits.retry_ns << min(repeats, 40), self._limits.max_retry_ns)

    def _set_deadline(self) -> None:
        limits = self._limits
        deadlines = [due for due in self._due_ns if due is not None]
        for v, state in enumerate(self.states):
            if state is State.LIVE:
                heard_ns, asked_ns = self._venue_markets[v].last_message_ns, self._asked_ns[v]
                waits = asked_ns + limits.answer_ns if asked_ns > heard_ns else heard_ns + limits.silence_ns
                deadlines.append(waits)
        self._next_ns = min(deadlines, default=None)

    def _consolidate(self) -> None:
        """After a venue came or went."""
        self._set_touch(*cbbo(self.books, self.usable))
        self.changed = TOUCH

    def _set_touch(self, bid_px: int, bid_qty: int, ask_px: int, ask_qty: int) -> bool:
        """Keep the consolidated touch, here and in risk's Market; False where nothing moved."""
        moved = bid_qty != self.bid_qty or ask_qty != self.ask_qty
        if bid_px != self.bid_px:
            self.bid_px = bid_px
            self.market.bid_nanos = bid_px * self._half_tick_nanos
            moved = True
        if ask_px != self.ask_px:
            self.ask_px = ask_px
            self.market.ask_nanos = ask_px * self._half_tick_nanos
            moved = True
        self.bid_qty = bid_qty
        self.ask_qty = ask_qty
        return moved
