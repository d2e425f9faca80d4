"""How long things take inside a venue: a constant, or a draw; and nobody overtakes himself.

A drawn latency is `floor_ns` plus a lognormal part, fixed by its median and its 99th percentile. It is drawn
from a table of integers made with decimal arithmetic, whose ln and exp are correctly rounded, and seeded
integers choose in it: the same seed gives the same nanoseconds on every machine, which a platform's libm
would not promise. The table has 1,024 strips of equal probability, and the last one has 1,024 of its own;
within a strip a draw is even. So the law is exact at the strips' edges, and it ends at its 1 - 2**-21
quantile (z = 4.9): nothing takes longer.

One `Path` is one way through one venue (orders in, reports out, market data out) with a stream of draws of
its own, taken in the order of its messages. What is behind a slow message of the same session waits for it:
a connection is a queue.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final

from fixsim.chance import Chance
from fixsim.settings import Spread

STRIPS: Final = 1024
_EXACT: Final = Context(prec=30)
_Z99: Final = Decimal("2.3263478740408408")
"""The 99th percentile of the standard normal."""
# Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution" (Applied Statistics 37, 1988),
# PPND16: a rational function for the centre, one for the sides; its third, for the far tails, is not needed.
_CENTRE: Final = (
    "3.3871328727963666080e0 1.3314166789178437745e2 1.9715909503065514427e3 1.3731693765509461125e4"
    " 4.5921953931549871457e4 6.7265770927008700853e4 3.3430575583588128105e4 2.5090809287301226727e3",
    "1 4.2313330701600911252e1 6.8718700749205790830e2 5.3941960214247511077e3 2.1213794301586595867e4"
    " 3.9307895800092710610e4 2.8729085735721942674e4 5.2264952788528545610e3",
)
_SIDES: Final = (
    "1.42343711074968357734e0 4.63033784615654529590e0 5.76949722146069140550e0 3.64784832476320460504e0"
    " 1.27045825245236838258e0 2.41780725177450611770e-1 2.27238449892691845833e-2 7.74545014278341407640e-4",
    "1 2.05319162663775882187e0 1.67638483018380384940e0 6.89767334985100004550e-1 1.48103976427480074590e-1"
    " 1.51986665636164571966e-2 5.47593808499534494600e-4 1.05075007164441684324e-9",
)


def normal_quantile(p: Decimal) -> Decimal:
    """The standard normal's quantile, to about 1e-15, for p from 1e-10 to 1 - 1e-10."""
    context = _EXACT
    q = context.subtract(p, Decimal("0.5"))
    if abs(q) <= Decimal("0.425"):
        r = context.subtract(Decimal("0.180625"), context.multiply(q, q))
        return context.multiply(q, _ratio(_CENTRE, r))
    tail = min(p, context.subtract(Decimal(1), p))
    r = context.sqrt(context.minus(context.ln(tail)))
    if r > 5:
        raise ValueError(f"quantile of {p} is beyond what this approximation is for")
    value = _ratio(_SIDES, context.subtract(r, Decimal("1.6")))
    return value if q > 0 else context.minus(value)


def _ratio(coefficients: tuple[str, str], r: Decimal) -> Decimal:
    values = []
    for row in coefficients:
        value = Decimal(0)
        for coefficient in reversed(row.split()):
            value = _EXACT.add(_EXACT.multiply(value, r), Decimal(coefficient))
        values.append(value)
    return _EXACT.divide(*values)


class Lognormal:
    """A shifted lognormal as a table of `edges`; see the module. Times are ns."""

    __slots__ = ("_body", "_tail")

    def __init__(self, median_ns: int, p99_ns: int, floor_ns: int) -> None:
        if not 0 <= floor_ns < median_ns < p99_ns:
            raise ValueError(f"0 <= floor {floor_ns} < median {median_ns} < p99 {p99_ns} does not hold")
        middle = _EXACT.ln(Decimal(median_ns - floor_ns))
        spread = _EXACT.divide(_EXACT.subtract(_EXACT.ln(Decimal(p99_ns - floor_ns)), middle), _Z99)

        def at(p: Decimal) -> int:
            power = _EXACT.add(middle, _EXACT.multiply(spread, normal_quantile(p)))
            return floor_ns + int(_EXACT.exp(power))

        one = Decimal(1)
        strip, fine = one / STRIPS, one / STRIPS / STRIPS
        # Even in the first strip too: from the floor up.
        self._body = [floor_ns, *(at(strip * n) for n in range(1, STRIPS))]
        start = one - strip
        self._tail = [at(start + fine * n) for n in range(STRIPS)] + [at(one - fine / 2)]

    def draw(self, chance: Chance) -> int:
        """One latency in ns."""
        at, edges = chance.below(STRIPS), self._body
        if at == STRIPS - 1:
            at, edges = chance.below(STRIPS), self._tail
        return chance.between(edges[at], edges[at + 1])

    def share_below(self, time_ns: int) -> float:
        """The distribution at `time_ns`, to a strip of the table: for reports and tests."""
        if time_ns >= self._tail[0]:
            fine = bisect_left(self._tail, time_ns)
            return 1 - 1 / STRIPS + min(fine, STRIPS) / STRIPS / STRIPS
        return max(0, bisect_left(self._body, time_ns)) / STRIPS


@lru_cache(maxsize=64)
def _table(median_ns: int, p99_ns: int, floor_ns: int) -> Lognormal:
    """Tables take milliseconds to make and are never changed."""
    return Lognormal(median_ns, p99_ns, floor_ns)


class Path:
    """One way through a venue; see the module. `due_ns` is asked once for each message, in their order."""

    __slots__ = ("_chance", "_constant_ns", "_last", "_table")

    def __init__(self, rule: int | Spread, chance: Chance) -> None:
        self._constant_ns = rule if isinstance(rule, int) else 0
        self._table = None if isinstance(rule, int) else _table(rule.median_ns, rule.p99_ns, rule.floor_ns)
        self._chance = chance
        self._last: dict[str, int] = {}

    def due_ns(self, session: str, now_ns: int, held_ns: int = 0) -> int:
        """When a message of `session` that sets out now, or after it was held, is through."""
        took_ns = self._constant_ns if self._table is None else self._table.draw(self._chance)
        due_ns = max(now_ns + held_ns + took_ns, self._last.get(session, 0))
        self._last[session] = due_ns
        return due_ns


class Paths:
    """The three ways through one venue, by its rules; draws are the venue's own, from `seed` and `number`."""

    __slots__ = ("data", "orders", "reports")

    def __init__(
        self, orders: int | Spread, reports: int | Spread, data: int | Spread, seed: int, number: int
    ) -> None:
        self.orders = Path(orders, Chance(seed, number, 1))
        self.reports = Path(reports, Chance(seed, number, 2))
        self.data = Path(data, Chance(seed, number, 3))
