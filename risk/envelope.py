"""What would pass now, for a child of one parent at one venue: the bounds of the rules as plain integers.

`cap_lots(price)` is the largest quantity that Gate.check passes at that price at this moment, apart from the
rules of control 7 (ClOrdID, repeats). It is a snapshot: a pass, a fill or a message changes the answer.
"""

from __future__ import annotations

from risk.checks import far_touch, price_bounds, touch_plus_collar
from risk.context import Context
from risk.refusal import EXCEEDS_LIMIT, OTHER, Refusal


class Envelope:
    """`max_lots`: the most at any price; 0 is nothing at all, and `reason` says why.

    `min_price_nanos`, `max_price_nanos`: the limits that may be, both inclusive.
    `max_value_nanos_lots`: bound on quantity times the larger of limit and `far_nanos`.
    `unlimited_nanos`: what an order without a limit is valued at, 0 when it may not be.
    """

    __slots__ = ("far_nanos", "max_lots", "max_price_nanos", "max_value_nanos_lots", "min_lots",
                 "min_price_nanos", "reason", "round_lots", "size_lots", "tick_nanos", "unlimited_nanos")

    def __init__(self, reason: Refusal | None = None) -> None:
        self.reason = reason
        self.max_lots = self.size_lots = 0
        self.min_price_nanos = self.max_price_nanos = 0
        self.max_value_nanos_lots = 0
        self.far_nanos = self.unlimited_nanos = 0
        self.tick_nanos = self.round_lots = self.min_lots = 1

    def cap_lots(self, price_nanos: int | None) -> int:
        """Lots that pass with this limit (None: without one); 0 when the price itself does not."""
        if self.max_lots == 0:
            return 0
        if price_nanos is None:
            judged = self.unlimited_nanos
            if judged == 0:
                return 0
        else:
            if (price_nanos < self.min_price_nanos or price_nanos > self.max_price_nanos
                    or price_nanos % self.tick_nanos or price_nanos <= 0):
                return 0
            judged = price_nanos if price_nanos > self.far_nanos else self.far_nanos
        return self._whole(self.max_value_nanos_lots // judged)

    def _whole(self, value_lots: int) -> int:
        lots = min(self.size_lots, value_lots)
        lots -= lots % self.round_lots
        return lots if lots >= self.min_lots else 0


def measure(c: Context) -> Envelope:
    """The envelope of a context in which every rule that does not look at an order has passed."""
    env, parent = Envelope(), c.parent
    env.tick_nanos, env.round_lots, env.min_lots = c.tick_nanos, c.round_lots, c.min_lots
    env.far_nanos = far = far_touch(c, parent)
    env.min_price_nanos, env.max_price_nanos = low, high = price_bounds(c, parent)
    if parent.limit_nanos is None and low <= far <= high:
        env.unlimited_nanos = touch_plus_collar(c, far)
    env.max_value_nanos_lots = c.max_value_nanos_lots
    left = parent.qty_lots - parent.filled_lots - parent.reserved_lots
    env.size_lots = min(c.max_child_lots, parent.share_lots, left)
    if low > high:
        env.reason = Refusal("collar", 3, "no price is allowed", f"{low} to {high} nanos", OTHER)
        return env
    env.max_lots = env._whole(c.max_value_nanos_lots // max(far, low))
    if env.max_lots == 0:
        rule, number = ("parent_conservation", 6) if left < c.min_lots else ("size or value", 1)
        env.reason = Refusal(rule, number, f"{min(left, env.size_lots)} lots left",
                             f"at least {c.min_lots}", EXCEEDS_LIMIT)
    return env
