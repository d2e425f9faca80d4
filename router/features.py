"""The state vector: one pure kernel from books and tick state to float32[S], and the schema that names it.

A policy is bound to this list by name and hash (FEATURE_SCHEMA, FEATURE_HASH): the loader refuses a model
made for another one. Training and the router call the same kernel. `TickState` owns the arrays of one
parent; the engine fills them, nothing here reads a clock. Integers stay integers until they become a feature.

Units: px half ticks, qty lots, time ns; features are fractions, basis points or logarithms, clipped to ±10
and always finite, 0 where the market says nothing. Signs are the parent's: positive is against us where it
is a cost, towards us where it is a size. The per-venue slots are all there from the start, so that a
policy is not tied to a list of venues.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt
from numba import njit

from router.book import V_MAX, Books, Flags, Ints, cbbo, new_books

Floats = npt.NDArray[np.float64]
State = npt.NDArray[np.float32]

LEVELS = 5  # depth features look this far into each venue's side
SWEEP_LEVELS = 64  # the sweep's bound, over all venues
TAU_S = 30.0  # time constant of the rolling figures

# Tick state, integers: `i`. The engine sets these before each tick ...
SIGN = 0  # +1 buys, -1 sells
QTY = 1  # the parent's quantity, lots
FILLED = 2
UNKNOWN = 3  # leaves of children that may or may not be at a venue: reserved
WORKING = 4  # leaves of its other live children
NOW = 5  # ns
START = 6
END = 7
INTERVAL = 8  # the regular decision interval, ns
MUST_COMPLETE = 9  # 1, or 0 if it may expire
LIMIT_PX = 10  # the parent's limit, half ticks; 0 none
ARRIVAL_PX = 11  # half ticks; 0 not known yet
ADV = 12  # average daily volume, lots; 0 not known
ROUND_LOTS = 13
MIN_LOTS = 14
# ... these belong to `roll`, which remembers the market at the last tick ...
ROLL_NS = 15
ROLL_MID = 16
ROLL_BUY = 17
ROLL_SELL = 18
ROLL_FILLED = 19
# ... how many rows of `orders` count ...
ORDERS = 20
# ... then V_MAX rows of what is fixed per venue and what the parent works there (TickState.venues) ...
VENUES = 24
VENUE_DARK, VENUE_MAKER_PPM, VENUE_TAKER_PPM, VENUE_WORKING = 0, 1, 2, 3
VENUE_WIDTH = 4
# ... then rows of own live orders of this symbol and side, oldest first (TickState.orders).
ORDERS_AT = VENUES + V_MAX * VENUE_WIDTH
ORDER_VENUE, ORDER_PX, ORDER_LEAVES, ORDER_KIND = 0, 1, 2, 3
ORDER_WIDTH = 4
ORDERS_MAX = 256
I_SIZE = ORDERS_AT + ORDERS_MAX * ORDER_WIDTH
PEG = -1  # ORDER_PX of a midpoint peg
# ORDER_KIND: another parent's, or this parent's by what can become of it.
OTHERS, RESTING, IMMEDIATE, LEAVING, LOST = 0, 1, 2, 3, 4

# Tick state, floats: `f`. OWN_PX is the engine's, the rest is `roll`'s.
OWN_PX = 0  # own average price so far, half ticks; 0 none
VARIANCE = 1  # basis points squared per second
BUY_RATE = 2  # lots a second by buying aggressors
SELL_RATE = 3
FILL_RATE = 4  # own lots a second
F_SIZE = 5

GLOBAL_FEATURES = (
    "time_left",  # of the horizon
    "base_left",  # (parent - filled - unknown) / parent
    "done",  # filled / parent
    "unknown",
    "behind_twap",  # elapsed - done
    "working_of_base",
    "interval_of_horizon",
    "must_complete",
    "buys",
    "log_adv_share",
    "limit_room_pct",  # from far touch to limit; 10 without a limit
    "two_sided",
    "log_spread_ticks",
    "spread_bp",
    "microprice",  # (microprice - mid) / spread, against us
    "imbalance_1",
    "imbalance_3",
    "imbalance_5",
    "log_near_1_of_base",
    "log_far_1_of_base",
    "log_far_5_of_base",
    "sweep_cost_bp",  # taking the base now, against the mid
    "sweep_found",  # share of it found within SWEEP_LEVELS
    "volatility_bp",  # per square root of a second
    "risk_left_bp",  # over the time left
    "log_volume_rate_of_base",  # market lots in the time left / base
    "flow",  # signed share of the traded volume, against us
    "fill_rate_of_needed",
    "move_since_arrival_bp",  # against us
    "own_price_bp",  # average paid above arrival, against us
    "own_near_of_base",  # resting at the near touch
    "own_near_of_level",
    "log_s_since_trade",
    "venues",  # usable, of V_MAX
)
VENUE_FEATURES = (
    "usable",
    "dark",
    "near_behind_ticks",  # behind the consolidated near touch
    "far_behind_ticks",
    "log_near_of_base",
    "log_far_of_base",
    "imbalance",
    "maker_bp",
    "taker_bp",
    "working_of_base",
)
FEATURES: tuple[str, ...] = GLOBAL_FEATURES + tuple(
    f"venue_{v + 1}.{name}" for v in range(V_MAX) for name in VENUE_FEATURES
)
S = len(FEATURES)
FEATURE_SCHEMA = "sluice.features.1"
FEATURE_HASH = hashlib.sha256("\n".join((FEATURE_SCHEMA, *FEATURES)).encode()).hexdigest()

_GLOBAL = len(GLOBAL_FEATURES)
_WIDTH = len(VENUE_FEATURES)


class TickState:
    """The arrays of one parent that a tick reads; made once, filled by the engine, passed to kernels."""

    def __init__(self) -> None:
        self.i: Ints = np.zeros(I_SIZE, np.int64)
        self.f: Floats = np.zeros(F_SIZE, np.float64)
        self.i[ROUND_LOTS] = self.i[MIN_LOTS] = 1
        self.venues: Ints = self.i[VENUES:ORDERS_AT].reshape(V_MAX, VENUE_WIDTH)
        self.orders: Ints = self.i[ORDERS_AT:].reshape(ORDERS_MAX, ORDER_WIDTH)

    def add_order(self, venue: int, px: int | None, leaves: int, kind: int) -> None:
        """One more own live order (kind OTHERS .. LOST); ValueError beyond ORDERS_MAX."""
        row = int(self.i[ORDERS])
        if row >= ORDERS_MAX:
            raise ValueError(f"more than {ORDERS_MAX} own live orders on one side of a symbol")
        self.orders[row] = (venue, PEG if px is None else px, leaves, kind)
        self.i[ORDERS] = row + 1


@njit(cache=True, nogil=True)
def _ratio(a: float, b: float) -> float:
    return a / b if b > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _log_ratio(a: float, b: float) -> float:
    return math.log1p(a / b) if a > 0.0 and b > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _imbalance(near: float, far: float) -> float:
    return (near - far) / (near + far) if near + far > 0.0 else 0.0


@njit(cache=True, nogil=True)
def roll(books: Books, usable: Flags, i: Ints, f: Floats) -> None:
    """Bring the rolling figures up to i[NOW]: exponential in time, TAU_S. A second call changes nothing."""
    now = i[NOW]
    bid, bid_qty, ask, ask_qty = cbbo(books, usable)
    buy = 0
    sell = 0
    for v in range(V_MAX):
        buy += books[v].buy_lots
        sell += books[v].sell_lots
    mid = (bid + ask) // 2 if bid_qty > 0 and ask_qty > 0 else i[ROLL_MID]
    dt_s = (now - i[ROLL_NS]) * 1e-9
    if i[ROLL_NS] > 0 and dt_s > 0.0:
        keep = math.exp(-dt_s / TAU_S)
        part = (1.0 - keep) / dt_s
        move = 1e4 * (mid - i[ROLL_MID]) / i[ROLL_MID] if i[ROLL_MID] > 0 else 0.0
        f[VARIANCE] = keep * f[VARIANCE] + part * move * move
        f[BUY_RATE] = keep * f[BUY_RATE] + part * (buy - i[ROLL_BUY])
        f[SELL_RATE] = keep * f[SELL_RATE] + part * (sell - i[ROLL_SELL])
        f[FILL_RATE] = keep * f[FILL_RATE] + part * (i[FILLED] - i[ROLL_FILLED])
    elif i[ROLL_NS] > 0:
        return
    i[ROLL_NS] = now
    i[ROLL_MID] = mid
    i[ROLL_BUY] = buy
    i[ROLL_SELL] = sell
    i[ROLL_FILLED] = i[FILLED]


@njit(cache=True, nogil=True)
def _sweep(books: Books, usable: Flags, side: int, lots: int, ref_px: float) -> tuple[float, float]:
    """Taking `lots` now over all venues in price, within SWEEP_LEVELS: (lots found, mean half ticks paid)."""
    at = np.empty(V_MAX, np.int64)
    for v in range(V_MAX):
        at[v] = books[v].n[side] - 1 if usable[v] else -1
    sign = 1 if side == 1 else -1
    left = lots
    cost = 0.0
    for _ in range(SWEEP_LEVELS):
        if left <= 0:
            break
        chosen = -1
        best = 0
        for v in range(V_MAX):
            if at[v] >= 0:
                px = books[v].px[side, at[v]]
                if chosen < 0 or sign * px < sign * best:
                    chosen, best = v, px
        if chosen < 0:
            break
        take = min(left, books[chosen].qty[side, at[chosen]])
        cost += sign * (best - ref_px) * take
        left -= take
        at[chosen] -= 1
    found = float(lots - left)
    return found, _ratio(cost, found)


@njit(cache=True, nogil=True)
def features(books: Books, usable: Flags, i: Ints, f: Floats, out: State) -> None:
    """Fill out[S] (order: FEATURES). Reads, and changes nothing but out."""
    sign = i[SIGN]
    near_side = 0 if sign > 0 else 1
    far_side = 1 - near_side
    qty = float(max(i[QTY], 1))
    base_lots = max(i[QTY] - i[FILLED] - i[UNKNOWN], 0)
    base = float(base_lots)
    horizon = float(max(i[END] - i[START], 1))
    left_ns = float(min(max(i[END] - i[NOW], 0), i[END] - i[START]))
    time_left = min(max(left_ns / horizon, 0.0), 1.0)
    left_s = left_ns * 1e-9
    done = i[FILLED] / qty

    bid, bid_qty, ask, ask_qty = cbbo(books, usable)
    near, near_qty = (bid, bid_qty) if sign > 0 else (ask, ask_qty)
    far, far_qty = (ask, ask_qty) if sign > 0 else (bid, bid_qty)
    two_sided = bid_qty > 0 and ask_qty > 0
    mid = 0.5 * (bid + ask) if two_sided else 0.0
    spread = float(ask - bid) if two_sided else 0.0

    out[0] = time_left
    out[1] = base / qty
    out[2] = done
    out[3] = i[UNKNOWN] / qty
    out[4] = 1.0 - time_left - done
    out[5] = _ratio(float(i[WORKING]), base)
    out[6] = i[INTERVAL] / horizon
    out[7] = float(i[MUST_COMPLETE])
    out[8] = 1.0 if sign > 0 else 0.0
    out[9] = math.log10(qty / i[ADV]) if i[ADV] > 0 else 0.0
    out[10] = 10.0
    if i[LIMIT_PX] > 0 and far > 0:
        out[10] = 100.0 * sign * (i[LIMIT_PX] - far) / far
    out[11] = 1.0 if two_sided else 0.0
    out[12] = math.log1p(max(spread, 0.0) / 2.0)
    out[13] = 1e4 * _ratio(spread, mid)
    out[14] = 0.0
    if two_sided and spread > 0.0:
        micro = (bid * float(ask_qty) + ask * float(bid_qty)) / (float(bid_qty) + float(ask_qty))
        out[14] = sign * (micro - mid) / spread

    near_depth = np.zeros(LEVELS)
    far_depth = np.zeros(LEVELS)
    count = 0
    last_trade = 0
    for v in range(V_MAX):
        at = _GLOBAL + v * _WIDTH
        row = i[VENUES + v * VENUE_WIDTH : VENUES + (v + 1) * VENUE_WIDTH]
        for k in range(_WIDTH):
            out[at + k] = 0.0
        if not usable[v]:
            continue
        count += 1
        book = books[v]
        last_trade = max(last_trade, book.last_trade_ns)
        near_n = book.n[near_side]
        far_n = book.n[far_side]
        for k in range(LEVELS):
            if k < near_n:
                near_depth[k] += book.qty[near_side, near_n - 1 - k]
            if k < far_n:
                far_depth[k] += book.qty[far_side, far_n - 1 - k]
        near_v = float(book.qty[near_side, near_n - 1]) if near_n > 0 else 0.0
        far_v = float(book.qty[far_side, far_n - 1]) if far_n > 0 else 0.0
        out[at] = 1.0
        out[at + 1] = float(row[VENUE_DARK])
        if near_n > 0:
            out[at + 2] = 0.5 * sign * (near - book.px[near_side, near_n - 1])
        if far_n > 0:
            out[at + 3] = 0.5 * sign * (book.px[far_side, far_n - 1] - far)
        out[at + 4] = _log_ratio(near_v, base)
        out[at + 5] = _log_ratio(far_v, base)
        out[at + 6] = _imbalance(near_v, far_v)
        out[at + 7] = row[VENUE_MAKER_PPM] * 0.01
        out[at + 8] = row[VENUE_TAKER_PPM] * 0.01
        out[at + 9] = _ratio(float(row[VENUE_WORKING]), base)

    out[15] = _imbalance(near_depth[0], far_depth[0])
    out[16] = _imbalance(near_depth[:3].sum(), far_depth[:3].sum())
    out[17] = _imbalance(near_depth.sum(), far_depth.sum())
    out[18] = _log_ratio(float(near_qty), base)
    out[19] = _log_ratio(float(far_qty), base)
    out[20] = _log_ratio(far_depth.sum(), base)
    found, paid = _sweep(books, usable, far_side, base_lots, mid) if two_sided else (0.0, 0.0)
    out[21] = 1e4 * _ratio(paid, mid)
    out[22] = _ratio(found, base)
    out[23] = math.sqrt(max(f[VARIANCE], 0.0))
    out[24] = math.sqrt(max(f[VARIANCE], 0.0) * left_s)
    volume_rate = f[BUY_RATE] + f[SELL_RATE]
    out[25] = _log_ratio(volume_rate * left_s, base)
    out[26] = sign * _ratio(f[BUY_RATE] - f[SELL_RATE], volume_rate)
    out[27] = _ratio(f[FILL_RATE] * left_s, base)
    arrival = float(i[ARRIVAL_PX])
    out[28] = 1e4 * sign * _ratio(mid - arrival, arrival) if two_sided else 0.0
    out[29] = 1e4 * sign * _ratio(f[OWN_PX] - arrival, arrival) if f[OWN_PX] > 0.0 else 0.0
    own = 0.0
    for k in range(i[ORDERS]):
        order = i[ORDERS_AT + k * ORDER_WIDTH : ORDERS_AT + (k + 1) * ORDER_WIDTH]
        if order[ORDER_KIND] == RESTING and order[ORDER_PX] == near:
            own += order[ORDER_LEAVES]
    out[30] = _ratio(own, base)
    out[31] = _ratio(own, float(near_qty))
    out[32] = math.log1p(max((i[NOW] - last_trade) * 1e-9, 0.0)) if last_trade > 0 else 0.0
    out[33] = count / V_MAX

    for k in range(S):
        x = out[k]
        out[k] = min(max(x, np.float32(-10.0)), np.float32(10.0)) if math.isfinite(x) else np.float32(0.0)


def warm() -> None:
    """Compile the kernels with the types of real use."""
    books, tick = new_books(), TickState()
    usable = np.zeros(V_MAX, np.bool_)
    roll(books, usable, tick.i, tick.f)
    features(books, usable, tick.i, tick.f, np.zeros(S, np.float32))
