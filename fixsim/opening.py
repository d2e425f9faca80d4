"""From an instrument's settings to a market that is ready to run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixsim.flow.source import Source, from_tape
from fixsim.impact import Impact
from fixsim.matching.terms import Rules
from fixsim.settings import Instrument, Listed, Settings

if TYPE_CHECKING:
    from fixsim.tape import Tape
    from fixsim.tape.partial import PartialTape


def rules_of(instrument: Instrument) -> Rules:
    """What its prices and lots must be, in the market's units."""
    half = instrument.tick_nanos
    steps = tuple(
        (step.from_nanos * 2 // half, step.tick_nanos * 2 // half) for step in instrument.ticks or ()
    )
    return Rules(steps or ((0, 2),), instrument.board_lots)


def opened(source: Tape | PartialTape | Source, settings: Settings, rule: Instrument) -> Source:
    """A market over the lit venues that is ready to run, from its settings' start to stop if from a tape.

    `rule` is the settings' instrument or one of its listings. A Source comes with a market of its own, which
    must have the rules that are stated (rules_of): ValueError.
    """
    rules = rules_of(rule)
    if isinstance(source, Source):
        if source.market.rules != rules:
            raise ValueError(f"{rule.symbol}: its market has {source.market.rules}, its settings {rules}")
        return source
    tape = rule.tape if isinstance(rule, Listed) else None if settings.drawn else settings.tape
    if tape is None:
        raise ValueError(f"{rule.symbol}: its flow is drawn from a model, and a tape was given")
    impact = None
    if settings.impact is not None and rule is settings.instrument:
        impact = Impact(**settings.impact.model_dump())
    return from_tape(
        source,
        len(settings.lit),
        start_ns=tape.start,
        stop_ns=tape.stop,
        impact=impact,
        seed=settings.seed,
        rules=rules,
    )
