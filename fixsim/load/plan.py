"""What the clients of a load send: the settings of their venues, and each session's messages in turn.

One turn of a session is four requests: an order that rests far from the market, its replacement, the cancel
of that, and an order that takes what the market offers. So a quarter of them trade, and nothing piles up.
Bodies are put together from templates, since the sender must cost less than the venue.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from fixsim.load import Load
from fixsim.settings import Settings
from router.fix.decimals import time_to_wire

VENUES: Final = ("XLIT1", "XLIT2")
_REST = b"11=%d\x0155=%b\x0154=%d\x0138=0.00002\x0140=2\x0144=%b\x0160=%b\x01"
_REPLACE = b"41=%d\x0111=%d\x0155=%b\x0154=%d\x0138=0.00003\x0140=2\x0144=%b\x0160=%b\x01"
_CANCEL = b"41=%d\x0111=%d\x0155=%b\x0154=%d\x0138=0.00003\x0160=%b\x01"
_TAKE = b"11=%d\x0155=%b\x0154=%d\x0138=0.00001\x0140=2\x0144=%b\x0159=3\x0160=%b\x01"
FAR: Final = {1: 1000, 2: 20_000}
"""Where prices that rest begin, by side: each session has two of its own."""
TURN: Final = 4
"""Requests of a session's turn."""
Plan = Generator[tuple[bytes, bytes, int], int, None]
TAKES: Final = {1: b"20000", 2: b"2000"}


def settings_for(load: Load, base: Settings) -> Settings:
    """`base` on wall time and free ports, with the load's clients at the two lit venues."""
    table = base.model_dump(exclude_unset=True)
    table["clock"] |= {"mode": "wall", "speed": 1.0, "port": 0}
    table["hidden"] |= {"rate_per_s": 0.0}
    for venue in table["venue"]:
        venue["port"] = 0
        if venue["name"] in VENUES:
            venue["clients"] = [
                {"comp_id": name, "serves": "orders"} for at, name in named(load) if at == venue["name"]
            ]
    table["session"]["max_resend_messages"] = 10_000
    return Settings.model_validate(table)


def named(load: Load) -> list[tuple[str, str]]:
    """The sessions: (venue, CompID)."""
    return [(VENUES[number % 2], f"LOAD{number:03d}") for number in range(load.sessions)]


def requests(symbol: bytes, first_id: int, step: int) -> Plan:
    """A session's requests, without end: (MsgType, body, ClOrdID), from `first_id` on in steps of `step`.

    Send a time with each: `requests` wants it as the value of `send`.
    """
    number, side = first_id, 1
    own = 2 * first_id
    far = {at: (b"%d" % (start + own), b"%d" % (start + own + 1)) for at, start in FAR.items()}
    now_ns = yield b"", b"", 0
    while True:
        wire = time_to_wire(now_ns)
        now_ns = yield b"D", _REST % (number, symbol, side, far[side][0], wire), number
        wire, last, number = time_to_wire(now_ns), number, number + step
        now_ns = yield b"G", _REPLACE % (last, number, symbol, side, far[side][1], wire), number
        wire, last, number = time_to_wire(now_ns), number, number + step
        now_ns = yield b"F", _CANCEL % (last, number, symbol, side, wire), number
        wire, number = time_to_wire(now_ns), number + step
        now_ns = yield b"D", _TAKE % (number, symbol, side, TAKES[side], wire), number
        number, side = number + step, 3 - side
