"""What the settings say of a flow that is drawn from a model; fixsim/generated.py makes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fixsim.instrument import Frozen

Price = Annotated[int, Field(gt=0, le=10**18)]
PerSecond = Annotated[float, Field(gt=0, le=1e9)]


class QueueReactiveFlow(Frozen):
    """See fixsim.flow.queue_reactive. The first reference price is half a tick above `start_nanos`.

    `model`: a file of `fixsim flow calibrate`, None: the published one; `depth`: levels a side to fill.
    """

    kind: Literal["queue-reactive"]
    start_nanos: Price
    model: Annotated[str, Field(min_length=1)] | None = None
    depth: Annotated[int, Field(ge=2, le=100)] = 10


class ZeroFlow(Frozen):
    """See fixsim.flow.zero. The first midpoint is half a tick above `start_nanos`; the rest is its Rates."""

    kind: Literal["zero-intelligence"]
    start_nanos: Price
    limit_per_s: PerSecond
    market_per_s: Annotated[float, Field(ge=0, le=1e9)]
    cancel_per_s: PerSecond
    lots: Annotated[int, Field(ge=1, le=1 << 40)]
    ticks: Annotated[int, Field(ge=1, le=10_000)]


GeneratedFlow = Annotated[QueueReactiveFlow | ZeroFlow, Field(discriminator="kind")]
