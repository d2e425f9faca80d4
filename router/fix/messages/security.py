"""An instrument as its venue states it, in the words of each version.

FIX 5.0 SP2 has fields for all of it: MinPriceIncrement(969), TickRules(1205), LotTypeRules(1234),
MaxTradeVol(1140). FIX 4.4 has none for a tick or a largest quantity: there they are instrument attributes of
type 99 (text), `MinPriceIncrement=0.01` and `MaxTradeVol=1000`, under the names that later versions gave
them. So are a tick table, one `TickIncrement=0.05 StartTickPriceRange=10` for each step, and where odd lots
are taken the lot that they are multiples of, `MinLotSize=0.001`; RoundLot(561) is then the board lot. FIX 4.2
has no attributes either: there the same texts, with `RoundLot=` and `MinTradeVol=`, are in Text(58), apart by
`; ` and before what else it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from router.fix import tags
from router.fix.decimals import lots_from_wire, lots_to_wire, nanos_from_wire, nanos_to_wire
from router.fix.messages.fields import FieldError
from router.fix.versions import FIX44, Version

_TICK: Final = "MinPriceIncrement="
_MOST: Final = "MaxTradeVol="
_STEP: Final = "TickIncrement="
_SINCE: Final = " StartTickPriceRange="
_LEAST: Final = "MinLotSize="
_ROUND: Final = "RoundLot="
_MIN: Final = "MinTradeVol="
_APART: Final = "; "
_ODD_LOT: Final = "1"
"""LotType(1093)"""

Stated = tuple[bytes | str, ...]
Fields = Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Security:
    """Tick in nanos, quantities in lots of 1 / lots_per_unit."""

    symbol: str
    exchange: str
    tick_nanos: int
    lots_per_unit: int
    round_lots: int
    min_lots: int
    max_lots: int
    ticks: tuple[tuple[int, int], ...] = ()
    """A tick table: (from this price, its tick) in nanos; empty: `tick_nanos` everywhere."""
    odd_lots: int = 0
    """Where odd lots are taken, what they are multiples of; 0: orders are multiples of `round_lots`."""

    def fields(self, version: Version = FIX44) -> Stated:
        """The Instrument and its rules, in the order of a SecurityList's group. FIX 4.2: see `as_text`."""
        if version.trading_rules:
            return (f"55={self.symbol}", b"969=" + nanos_to_wire(self.tick_nanos), f"207={self.exchange}",
                    *self.rules())  # fmt: skip
        if not version.listings:
            return f"55={self.symbol}", f"207={self.exchange}"
        attributes = self._attributes()
        return (
            f"55={self.symbol}",
            f"207={self.exchange}",
            f"870={len(attributes)}",
            *(part for attribute in attributes for part in ("871=99", f"872={attribute}")),
            b"561=" + self._wire(self.round_lots),
            b"562=" + self._wire(self.min_lots),
        )

    def rules(self) -> Stated:
        """BaseTradingRules of FIX 5.0 SP2."""
        steps = (
            part
            for since, tick in self.ticks
            for part in (b"1206=" + nanos_to_wire(since), b"1208=" + nanos_to_wire(tick))
        )
        odd = ("1234=1", f"1093={_ODD_LOT}", b"1231=" + self._wire(self.odd_lots)) if self.odd_lots else ()
        return (
            *((f"1205={len(self.ticks)}",) if self.ticks else ()),
            *steps,
            *odd,
            b"562=" + self._wire(self.min_lots),
            b"1140=" + self._wire(self.max_lots),
            b"561=" + self._wire(self.round_lots),
        )

    def as_text(self, text: str) -> str:
        """Text(58) of FIX 4.2: the specifications, then `text`."""
        lots = (
            f"{_ROUND}{self._wire(self.round_lots).decode()}",
            f"{_MIN}{self._wire(self.min_lots).decode()}",
        )
        return _APART.join((*self._attributes(), *lots, text))

    def _attributes(self) -> list[str]:
        attributes = [
            f"{_TICK}{nanos_to_wire(self.tick_nanos).decode()}",
            f"{_MOST}{self._wire(self.max_lots).decode()}",
            *(
                f"{_STEP}{nanos_to_wire(tick).decode()}{_SINCE}{nanos_to_wire(since).decode()}"
                for since, tick in self.ticks
            ),
        ]
        if self.odd_lots:
            attributes.append(f"{_LEAST}{self._wire(self.odd_lots).decode()}")
        return attributes

    def _wire(self, lots: int) -> bytes:
        return lots_to_wire(lots, self.lots_per_unit)

    @classmethod
    def read(cls, fields: Fields, lots_per_unit: int, version: Version = FIX44) -> "Security":
        """From the fields of one instrument. FieldError if one is missing or no decimal."""
        try:
            if version.trading_rules:
                return _by_rules(fields, lots_per_unit)
            return _by_attributes(fields, lots_per_unit, version)
        except FieldError:
            raise
        except ValueError as error:
            tag = tags.INSTR_ATTRIB_VALUE if version.listings else tags.TEXT
            raise FieldError(tag, None, str(error)) from None


def apart(text: str) -> tuple[list[str], str]:
    """What `as_text` put together: the specifications, and the rest."""
    *stated, rest = text.split(_APART) if text.startswith(_TICK) else [text]
    count = next((at for at, one in enumerate(stated) if one.startswith(_MIN)), len(stated) - 1) + 1
    return stated[:count], _APART.join((*stated[count:], rest))


def _by_attributes(fields: Fields, lots_per_unit: int, version: Version) -> Security:
    one = dict(fields)
    if version.listings:
        attributes = [value.decode("latin-1") for tag, value in fields if tag == tags.INSTR_ATTRIB_VALUE]
        round_lot, min_vol = _needed(one, tags.ROUND_LOT), _needed(one, tags.MIN_TRADE_VOL)
        tag = tags.INSTR_ATTRIB_VALUE
    else:
        tag = tags.TEXT
        attributes = apart(one.get(tag, b"").decode("latin-1"))[0]
        round_lot, min_vol = _attribute(attributes, _ROUND, tag), _attribute(attributes, _MIN, tag)

    def step(stated: str) -> tuple[int, int]:
        tick, _, since = stated.removeprefix(_STEP).partition(_SINCE)
        return nanos_from_wire(since.encode("latin-1")), nanos_from_wire(tick.encode("latin-1"))

    return Security(
        symbol=one.get(tags.SYMBOL, b"").decode("latin-1"),
        exchange=one.get(tags.SECURITY_EXCHANGE, b"").decode("latin-1"),
        tick_nanos=nanos_from_wire(_attribute(attributes, _TICK, tag)),
        lots_per_unit=lots_per_unit,
        round_lots=lots_from_wire(round_lot, lots_per_unit),
        min_lots=lots_from_wire(min_vol, lots_per_unit),
        max_lots=lots_from_wire(_attribute(attributes, _MOST, tag), lots_per_unit),
        ticks=tuple(step(value) for value in attributes if value.startswith(_STEP)),
        odd_lots=next(
            (
                lots_from_wire(value.removeprefix(_LEAST).encode("latin-1"), lots_per_unit)
                for value in attributes
                if value.startswith(_LEAST)
            ),
            0,
        ),
    )


def _attribute(attributes: list[str], name: str, tag: int) -> bytes:
    found = next((value for value in attributes if value.startswith(name)), None)
    if found is None:
        raise FieldError(tag, None, f"lacks {name.rstrip('=')}")
    return found.removeprefix(name).encode("latin-1")


def _needed(one: dict[int, bytes], tag: int) -> bytes:
    if tag not in one:
        raise FieldError(tag, None, "is missing")
    return one[tag]


def _by_rules(fields: Fields, lots_per_unit: int) -> Security:
    one = dict(fields)
    steps: list[tuple[int, int]] = []
    for tag, value in fields:
        if tag == tags.START_TICK_PRICE_RANGE:
            steps.append((nanos_from_wire(value), 0))
        elif tag == tags.TICK_INCREMENT and steps:
            steps[-1] = (steps[-1][0], nanos_from_wire(value))
    odd = one.get(tags.MIN_LOT_SIZE)
    return Security(
        symbol=one.get(tags.SYMBOL, b"").decode("latin-1"),
        exchange=one.get(tags.SECURITY_EXCHANGE, b"").decode("latin-1"),
        tick_nanos=nanos_from_wire(_needed(one, tags.MIN_PRICE_INCREMENT)),
        lots_per_unit=lots_per_unit,
        round_lots=lots_from_wire(_needed(one, tags.ROUND_LOT), lots_per_unit),
        min_lots=lots_from_wire(_needed(one, tags.MIN_TRADE_VOL), lots_per_unit),
        max_lots=lots_from_wire(_needed(one, tags.MAX_TRADE_VOL), lots_per_unit),
        ticks=tuple(steps),
        odd_lots=0 if odd is None else lots_from_wire(odd, lots_per_unit),
    )
