"""Everything the rules may look at, in one flat object a symbol, filled in place by the gate before they run.

The first group is constant while the daemon runs; the second is the order and the moment being judged.
"""

from __future__ import annotations

from risk.exposure import ParentLine, no_parent
from risk.instrument import NANOS, Instrument
from risk.kill import Latch
from risk.limits import Limits
from risk.market import Market, VenueMarket
from risk.order import NewOrder
from risk.windows import NEVER_NS, RateWindow, RepeatWindow, RollingTouch

MS_NS = 1_000_000
S_NS = 1_000_000_000


class Context:
    """Limits of one symbol as plain integers, and the moment. Written by the gate alone."""

    __slots__ = (
        "collar_down_bp",
        "collar_up_bp",
        "consolidated_max_age_ns",
        "counter",
        "instrument",
        "last_counter",
        "last_sale_max_age_ns",
        "last_sale_required",
        "latch",
        "market",
        "max_adv_lots",
        "max_child_lots",
        "max_repeats",
        "max_share_of_parent_bp",
        "max_symbol_lots",
        "max_value_nanos_lots",
        "min_lots",
        "new_rates",
        "now_ns",
        "order",
        "parent",
        "passive_down_bp",
        "passive_up_bp",
        "rate_free_ns",
        "repeat_window",
        "repeats",
        "rolling",
        "round_lots",
        "tick_nanos",
        "venue",
        "venue_max_silence_ns",
        "venue_name",
    )

    order: NewOrder  # set before any rule that judges an order

    def __init__(self, instrument: Instrument, limits: Limits) -> None:
        symbol = limits.symbols[instrument.symbol]
        child, price, data = limits.child, limits.price, limits.market_data
        self.instrument = instrument
        self.tick_nanos = instrument.tick_nanos
        self.round_lots = instrument.round_lots
        self.min_lots = instrument.min_lots
        # 1: the absolute limit and the share of ADV do not depend on the parent
        self.max_symbol_lots = symbol.child_max_lots
        self.max_adv_lots = instrument.adv_lots * child.max_share_of_adv_bp // 10_000
        self.max_child_lots = min(self.max_symbol_lots, self.max_adv_lots)
        self.max_share_of_parent_bp = child.max_share_of_parent_bp
        # 2: price_nanos * qty_lots, compared without division
        self.max_value_nanos_lots = symbol.child_max_value_quote * NANOS * instrument.lots_per_unit
        # 3: as factors of ten thousandths
        self.collar_up_bp = 10_000 + price.collar_bp
        self.collar_down_bp = 10_000 - price.collar_bp
        self.passive_up_bp = 10_000 + price.passive_collar_bp
        self.passive_down_bp = 10_000 - price.passive_collar_bp
        self.rolling = RollingTouch(price.rolling_period_s * S_NS, price.rolling_collar_bp)
        # 4
        self.venue_max_silence_ns = data.venue_max_silence_ms * MS_NS
        self.consolidated_max_age_ns = data.consolidated_max_age_ms * MS_NS
        self.last_sale_max_age_ns = data.last_sale_max_age_ms * MS_NS
        self.last_sale_required = data.last_sale_required
        # 7
        self.max_repeats = child.max_repeats_count
        self.repeat_window = RepeatWindow(child.repeat_period_ms * MS_NS)
        # 8: by venue, made when a venue of the market is first used
        self.new_rates: dict[str, RateWindow] = {}

        self.now_ns = 0
        self.market = Market()
        self.venue_name = ""
        self.venue: VenueMarket | None = None
        self.parent: ParentLine = no_parent("")
        self.latch: Latch | None = None
        self.rate_free_ns = NEVER_NS
        self.counter = -1
        self.last_counter = -1
        self.repeats = 0
