"""The markets whose flow is drawn from a model: from the settings to what Exchange takes.

The model's file is read here, once; what comes out is pure.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fixsim.flow.excitation import Timing
from fixsim.flow.hawkes import Hawkes
from fixsim.flow.hostile.agents import Agent, Anticipator, PennyJumper, Pinger
from fixsim.flow.hostile.crowd import Crowd
from fixsim.flow.hostile.desk import Desk
from fixsim.flow.markets import CAPACITY
from fixsim.flow.model import Model, load_model
from fixsim.flow.queue_reactive import QueueReactive
from fixsim.flow.settings import (
    AgentSettings,
    Drawn,
    HawkesFlow,
    PennyJumperAgent,
    PingerAgent,
    QueueReactiveFlow,
    ZeroFlow,
)
from fixsim.flow.source import Flow, Source
from fixsim.flow.zero import Rates, ZeroIntelligence
from fixsim.matching import Market, MatchingError
from fixsim.opening import rules_of
from fixsim.settings import NANOS, Instrument, RecordedTape, Settings
from risk.errors import SettingsError


def first_market(settings: Settings, settings_path: Path) -> Source | None:
    """The first instrument's market, where [flow] draws its orders; None: they are its tape's.

    SettingsError names file, field, value and rule.
    """
    asked = settings.drawn
    if asked is None or asked.start is None or asked.duration_s is None:
        return None
    stop_ns = asked.start + int(asked.duration_s * NANOS)
    places = ("instrument", "flow")
    return _opened(settings, settings.instrument, asked, 0, (asked.start, stop_ns), places, settings_path)


def generated(settings: Settings, first: RecordedTape | Source, settings_path: Path) -> dict[str, Source]:
    """By symbol, a market of its own for each listing with a flow: as long as the first instrument's `first`.

    Each draws from a stream of the settings' seed that is the listing's own. SettingsError names file, field,
    value and rule.
    """
    if isinstance(first, Source):
        times = (first.start_ns, first.stop_ns)
    else:
        times = (settings.recorded.start or first.start_ns, settings.recorded.stop or first.end_ns)
    made: dict[str, Source] = {}
    for number, listed in enumerate(settings.listing, start=1):
        if listed.flow is not None:
            places = (f"listing.{number - 1}", f"listing.{number - 1}.flow")
            made[listed.symbol] = _opened(settings, listed, listed.flow, number, times, places, settings_path)
    return made


def _opened(
    settings: Settings,
    rule: Instrument,
    asked: Drawn,
    number: int,
    times: tuple[int, int],
    places: tuple[str, str],
    settings_path: Path,
) -> Source:
    """`places`: what the settings call the instrument and its flow."""
    start_px = asked.start_nanos * 2 // rule.tick_nanos + 1
    seed = settings.seed + (number << 32)
    market = Market(len(settings.lit), start_px, capacity=CAPACITY, rules=rules_of(rule))
    try:
        flow = _flow(market, asked, rule, seed, times[0], start_px, places, settings_path)
    except MatchingError as error:
        stated = f"{places[1]}, start_nanos = {asked.start_nanos}"
        raise SettingsError(f"{settings_path}: {stated}: {error}") from None
    if asked.agents:
        agents = [_agent(Desk(market, at), one) for at, one in enumerate(asked.agents)]
        flow = Crowd(flow, agents, seed=seed, start_ns=times[0])
    return Source(market, flow, *times)


def _flow(
    market: Market,
    asked: Drawn,
    rule: Instrument,
    seed: int,
    start_ns: int,
    start_px: int,
    places: tuple[str, str],
    settings_path: Path,
) -> Flow:
    match asked:
        case ZeroFlow():
            rates = Rates(**asked.model_dump(include=set(Rates.__slots__)))
            return ZeroIntelligence(market, rates, seed=seed, start_ns=start_ns, start_px=start_px)
        case QueueReactiveFlow():
            model = _model(rule, asked, places, settings_path)
            return QueueReactive(
                market, model, seed=seed, start_ns=start_ns, start_px=start_px, depth=asked.depth
            )
        case HawkesFlow():
            model = _model(rule, asked, places, settings_path)
            timing = Timing.like(
                model,
                branching=asked.branching,
                decay=asked.decay_per_s,
                cross=asked.cross,
                mean_units=asked.mean_units,
            )
            return Hawkes(
                market, model, timing, seed=seed, start_ns=start_ns, start_px=start_px, depth=asked.depth
            )
    raise TypeError(f"{type(asked).__name__} is no flow")


def _agent(desk: Desk, asked: AgentSettings) -> Agent:
    stated = asked.model_dump(exclude={"kind"})
    if isinstance(asked, PingerAgent):
        return Pinger(desk, **stated)
    if isinstance(asked, PennyJumperAgent):
        return PennyJumper(desk, **stated)
    return Anticipator(desk, **stated)


def _model(
    rule: Instrument, asked: QueueReactiveFlow | HawkesFlow, places: tuple[str, str], settings_path: Path
) -> Model:
    """The model of a queue-reactive flow: beside the settings, in the working directory, or the shipped."""
    model = load_model()
    if asked.model is not None:
        folders = [settings_path.parent / asked.model, Path(asked.model)]
        found = next((place for place in folders if place.is_file()), None)
        if found is None:
            looked = ", ".join(str(place.parent) for place in folders)
            stated = f"{places[1]}.model = {asked.model!r}"
            raise SettingsError(f"{settings_path}: {stated}: no such file in {looked}")
        model = load_model(found)
    if model.tick_nanos != rule.tick_nanos:
        stated = f"{places[0]}.tick_nanos = {rule.tick_nanos}"
        raise SettingsError(f"{settings_path}: {stated}: the flow's model says {model.tick_nanos}")
    return replace(model, unit_lots=model.unit_lots * asked.scale_lots)
