"""The markets of the instruments whose flow is drawn from a model: from the settings to what Exchange takes.

The model's file is read here, once; what comes out is pure.
"""

from __future__ import annotations

from pathlib import Path

from fixsim.flow.markets import CAPACITY
from fixsim.flow.model import Model, load_model
from fixsim.flow.queue_reactive import QueueReactive
from fixsim.flow.settings import QueueReactiveFlow, ZeroFlow
from fixsim.flow.source import Flow, Source
from fixsim.flow.zero import Rates, ZeroIntelligence
from fixsim.matching import Market, MatchingError
from fixsim.opening import rules_of
from fixsim.settings import Listed, RecordedTape, Settings
from risk.errors import SettingsError


def generated(settings: Settings, first: RecordedTape, settings_path: Path) -> dict[str, Source]:
    """By symbol, a market of its own for each listing with a flow: as long as the first instrument's `first`.

    Each draws from a stream of the settings' seed that is the listing's own. SettingsError names file, field,
    value and rule.
    """
    start_ns = settings.tape.start or first.start_ns
    stop_ns = settings.tape.stop or first.end_ns
    made: dict[str, Source] = {}
    for number, listed in enumerate(settings.listing, start=1):
        if listed.flow is None:
            continue
        field = f"listing.{number - 1}"
        model = None
        if isinstance(listed.flow, QueueReactiveFlow):
            model = _model(listed, listed.flow, field, settings_path)
        start_px = listed.flow.start_nanos * 2 // listed.tick_nanos + 1
        market = Market(len(settings.lit), start_px, capacity=CAPACITY, rules=rules_of(listed))
        try:
            flow = _flow(market, listed.flow, model, settings.seed + (number << 32), start_ns, start_px)
        except MatchingError as error:
            stated = f"{field}.flow, start_nanos = {listed.flow.start_nanos}"
            raise SettingsError(f"{settings_path}: {stated}: {error}") from None
        made[listed.symbol] = Source(market, flow, start_ns, stop_ns)
    return made


def _flow(
    market: Market,
    asked: QueueReactiveFlow | ZeroFlow,
    model: Model | None,
    seed: int,
    start_ns: int,
    start_px: int,
) -> Flow:
    if isinstance(asked, ZeroFlow):
        rates = Rates(**asked.model_dump(exclude={"kind", "start_nanos"}))
        return ZeroIntelligence(market, rates, seed=seed, start_ns=start_ns, start_px=start_px)
    assert model is not None
    return QueueReactive(market, model, seed=seed, start_ns=start_ns, start_px=start_px, depth=asked.depth)


def _model(listed: Listed, asked: QueueReactiveFlow, field: str, settings_path: Path) -> Model:
    """The model of a queue-reactive flow: beside the settings, in the working directory, or the shipped."""
    model = load_model()
    if asked.model is not None:
        places = [settings_path.parent / asked.model, Path(asked.model)]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            looked = ", ".join(str(place.parent) for place in places)
            stated = f"{field}.flow.model = {asked.model!r}"
            raise SettingsError(f"{settings_path}: {stated}: no such file in {looked}")
        model = load_model(found)
    if model.tick_nanos != listed.tick_nanos:
        stated = f"{field}.tick_nanos = {listed.tick_nanos}"
        raise SettingsError(f"{settings_path}: {stated}: the flow's model says {model.tick_nanos}")
    return model
