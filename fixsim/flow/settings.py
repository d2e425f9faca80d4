"""What the settings say of a flow that is drawn from a model; fixsim/generated.py makes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fixsim.instrument import Frozen
from fixsim.utc import UtcNs

Price = Annotated[int, Field(gt=0, le=10**18)]
PerSecond = Annotated[float, Field(gt=0, le=1e9)]
Lots = Annotated[int, Field(ge=1, le=1 << 40)]
Nanos = Annotated[int, Field(gt=0, le=3600 * 1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class PingerAgent(Frozen):
    """See fixsim.flow.hostile.agents.Pinger; what may be left out has its defaults."""

    kind: Literal["pinger"]
    reaction_ns: Nanos
    most_lots: Lots
    ping_lots: Lots = 1
    patience: Annotated[int, Field(ge=1, le=10_000)] = 4


class PennyJumperAgent(Frozen):
    """See fixsim.flow.hostile.agents.PennyJumper."""

    kind: Literal["penny-jumper"]
    reaction_ns: Nanos
    large_lots: Lots
    lots: Lots
    gone_share: Share = 0.5


class AnticipatorAgent(Frozen):
    """See fixsim.flow.hostile.agents.Anticipator."""

    kind: Literal["anticipator"]
    reaction_ns: Nanos
    least_lots: Lots
    lots: Lots
    repeats: Annotated[int, Field(ge=3, le=64)] = 3
    size_tolerance: Share = 0.02
    time_tolerance: Share = 0.05
    lead_ns: Nanos = 2_000_000_000
    hold: Annotated[int, Field(ge=1, le=10_000)] = 3


AgentSettings = Annotated[PingerAgent | PennyJumperAgent | AnticipatorAgent, Field(discriminator="kind")]


class Drawn(Frozen):
    """What all flows drawn from a model have. The first midpoint is half a tick above `start_nanos`.

    `agents` live off those who trade there. The first instrument's flow says when its market begins and how
    long it lasts; a listing's runs as long as that.
    """

    start_nanos: Price
    start: UtcNs | None = None
    duration_s: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    agents: Annotated[tuple[AgentSettings, ...], Field(max_length=64, strict=False)] = ()


class QueueReactiveFlow(Drawn):
    """See fixsim.flow.queue_reactive.

    `model`: a file of `fixsim flow calibrate`, None: the published one; `depth`: levels a side to fill;
    `scale_lots`: lots to one of the model's.
    """

    kind: Literal["queue-reactive"]
    model: Annotated[str, Field(min_length=1)] | None = None
    depth: Annotated[int, Field(ge=2, le=100)] = 10
    scale_lots: Annotated[int, Field(ge=1, le=10**12)] = 1


class HawkesFlow(Drawn):
    """See fixsim.flow.hawkes: a queue-reactive flow's fields, and those of Timing.like."""

    kind: Literal["hawkes"]
    model: Annotated[str, Field(min_length=1)] | None = None
    depth: Annotated[int, Field(ge=2, le=100)] = 10
    scale_lots: Annotated[int, Field(ge=1, le=10**12)] = 1
    branching: Annotated[float, Field(ge=0, lt=1)]
    decay_per_s: Annotated[tuple[PerSecond, ...], Field(min_length=1, max_length=16, strict=False)] = (
        1.0,
        10.0,
        100.0,
    )
    cross: Share = 0.2
    mean_units: Annotated[float, Field(ge=1, le=1000)] = 1.0


class ZeroFlow(Drawn):
    """See fixsim.flow.zero, whose Rates these are."""

    kind: Literal["zero-intelligence"]
    limit_per_s: PerSecond
    market_per_s: Annotated[float, Field(ge=0, le=1e9)]
    cancel_per_s: PerSecond
    lots: Lots
    ticks: Annotated[int, Field(ge=1, le=10_000)]


class ReplayFlow(Frozen):
    """The recording that [tape] names."""

    kind: Literal["tape"]


GeneratedFlow = Annotated[QueueReactiveFlow | HawkesFlow | ZeroFlow, Field(discriminator="kind")]
FirstFlow = Annotated[ReplayFlow | QueueReactiveFlow | HawkesFlow | ZeroFlow, Field(discriminator="kind")]
