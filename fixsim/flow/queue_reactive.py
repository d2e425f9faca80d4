"""The queue-reactive model I as order flow in a market (Huang, Lehalle and Rosenbaum 2015, sections 2 and 3).

Each side has K queues at p_ref ± 0.5, 1.5, … ticks. Limit orders, cancels and market orders of one average
event size come to each with an intensity that depends on its displayed size at that moment, participants'
orders included, in average event sizes rounded up. They are orders in the book: what a participant takes is
gone, what he shows is in the queue that the flow answers to, and his place in it counts.

Where the market asks for more than the model says:

- A market event goes to the best price; of a queue behind it, it takes its size without a trade. (In the
  published table there are next to none: 0.4 % of level 2's events.)
- A cancel meets a lot of the queue at random and takes the whole order that it belongs to; where that is a
  participant's, nothing happens. (Orders differ in size where they came at another level, or are what a
  trade has left.)
- p_ref follows, with probability theta, when the mid moves and the queue it moves towards is empty on its
  first level; a participant's trade through several levels can move it by as many. With probability
  theta_reinit all queues are then drawn anew from the invariant distribution: cancels and limit orders bring
  each to its size, and participants' orders stay and count towards it.
- Behind the K levels lie as many more as `depth` says, filled from the last level's invariant distribution;
  they do not trade in their turn until p_ref comes nearer, and what falls off the far end is cancelled.

Between events everything is constant, so the waiting time is exponential, and its law after a disturbance
is that of the hazard not yet spent: no draw is made for a disturbance, and two runs with one seed stay as
near to each other as the participants leave them.
"""

from __future__ import annotations

from fixsim.flow.log import MOST_EVENTS, Hands, Log
from fixsim.flow.model import Model
from fixsim.flow.queue_kernels import disturb, step
from fixsim.flow.queue_state import FOLLOWED, NEVER, REDRAWN, REF, due_ns, new_state, tables
from fixsim.flow.rng import generator
from fixsim.matching import SMALL, Market, MatchingError
from fixsim.matching.layout import MAX_PX

_STREAM = 0x5152  # of the seed, for this flow


class QueueReactive:
    """A Flow; see the module. It fills an empty market with its first book, and is then what trades there."""

    def __init__(
        self,
        market: Market,
        model: Model,
        *,
        seed: int,
        start_ns: int,
        start_px: int,
        depth: int = 10,
        log: Log | None = None,
    ) -> None:
        """`start_px`: p_ref in half ticks, between two prices: odd. `depth`: levels a side to fill."""
        check_start(start_px, depth, model)
        self._model = tables(model, depth)
        self.hands = Hands(market, log)
        self._rng = generator(seed, _STREAM)
        self._state = new_state(start_px, start_ns)
        self.step(start_ns, 0)
        self.hands.opened()

    @property
    def ref_px(self) -> int:
        """p_ref in half ticks."""
        return int(self._state.whole[REF])

    @property
    def moves(self) -> tuple[int, int]:
        """How often p_ref has followed the mid, and how often all queues were drawn anew with it."""
        return int(self._state.whole[FOLLOWED]), int(self._state.whole[REDRAWN])

    def next_time_ns(self) -> int | None:
        due = int(due_ns(self.hands.acts, self._state.whole))
        return None if due >= NEVER else due

    def step_until(self, time_ns: int) -> int:
        return self.step(time_ns, MOST_EVENTS)

    def step(self, until_ns: int, at_most: int) -> int:
        """As step_until, at most so many events."""
        hands, left = self.hands, at_most

        def run() -> tuple[int, int]:
            nonlocal left
            code, n = step(hands.core, hands.acts, self._model, self._rng, self._state, until_ns, left)
            left -= n
            return code, n

        return hands.all(run)

    def disturbed(self) -> None:
        disturb(self.hands.core, self._model, self._state)


def check_start(start_px: int, depth: int, model: Model) -> None:
    """What the kernels take for granted of where the book begins. MatchingError."""
    if start_px % 2 == 0:
        raise MatchingError(
            f"start_px {start_px} half ticks is a price: p_ref lies between two, so it is odd"
        )
    if not model.levels < depth <= 100:
        raise MatchingError(f"depth {depth} is not within {model.levels + 1} (the model's levels + 1) to 100")
    if not 2 * depth < start_px < MAX_PX - 2 * depth:
        raise MatchingError(f"start_px {start_px} half ticks leaves no room for {depth} levels a side")


def warm() -> None:
    """Compile the kernels."""
    from fixsim.flow.model import load_model

    market = Market(1, 2001, capacity=SMALL)
    flow = QueueReactive(market, load_model(), seed=1, start_ns=0, start_px=2001)
    flow.step(NEVER, 100)
    flow.disturbed()
