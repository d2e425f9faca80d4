"""How an algorithm is asked for: TargetStrategy(847) to ParticipationRate(849), StrategyParametersGrp(957).

FIX 4.2 has none of them; there 847 to 849 are written as the user-defined tags 9847 to 9849 (FIX 4.2 volume
1, "User Defined Fields": 5000 to 9999 by agreement), and read as either. 957 to 960 are FIX 5.0 SP2's alone.
"""

from typing import Final, NamedTuple

from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import nanos_to_wire
from router.fix.messages.fields import FieldError, Fields
from router.fix.versions import Version

USER_DEFINED: Final = 9000  # what 847 to 849 are raised by in FIX 4.2
COMPLETE: Final = {b"complete=must": True, b"complete=may": False}
_MAX_PARAMETERS: Final = 100


class StrategyParameter(NamedTuple):
    """One of StrategyParametersGrp. `type` is StrategyParameterType(959): 1 Int, 6 Float, 14 String, ..."""

    name: str
    value: str
    type: int = 14


class Strategy(NamedTuple):
    """`participation_nanos` is a fraction of 1 in nanos; `must_complete` is TargetStrategyParameters(848)."""

    target: int | None = None
    must_complete: bool | None = None
    participation_nanos: int | None = None
    parameters: tuple[StrategyParameter, ...] = ()


def strategy_fields(strategy: Strategy, version: Version) -> bytes:
    """The fields of a strategy as a piece of a body, b"" for none."""
    shift = 0 if version.strategy else USER_DEFINED
    body = b""
    if strategy.target is not None:
        body += b"%d=%d\x01" % (tags.TARGET_STRATEGY + shift, strategy.target)
    if strategy.must_complete is not None:
        said = b"complete=must" if strategy.must_complete else b"complete=may"
        body += b"%d=%b\x01" % (tags.TARGET_STRATEGY_PARAMETERS + shift, said)
    if strategy.participation_nanos is not None:
        body += b"%d=%b\x01" % (
            tags.PARTICIPATION_RATE + shift, nanos_to_wire(strategy.participation_nanos),
        )  # fmt: skip
    if strategy.parameters and version.strategy_group:
        body += b"957=%d\x01" % len(strategy.parameters)
        for one in strategy.parameters:
            wire = f"958={one.name}\x01959={one.type}\x01960={one.value}\x01".encode("latin-1")
            if wire.count(b"\x01") != 3:
                raise ValueError(f"strategy parameter {one.name!r} contains the field delimiter")
            body += wire
    return body


def read_strategy(message: Message, fields: Fields, version: Version) -> Strategy:
    shift = 0 if version.strategy or fields.has(tags.TARGET_STRATEGY) else USER_DEFINED
    return Strategy(
        fields.integer(tags.TARGET_STRATEGY + shift),
        fields.choice(tags.TARGET_STRATEGY_PARAMETERS + shift, COMPLETE),
        fields.nanos(tags.PARTICIPATION_RATE + shift),
        read_parameters(message) if version.strategy_group else (),
    )


def read_parameters(message: Message) -> tuple[StrategyParameter, ...]:
    """StrategyParametersGrp. FieldError if it does not hold what it announces."""
    stated = message.get(tags.NO_STRATEGY_PARAMETERS)
    if stated is None:
        return ()
    found: list[StrategyParameter] = []
    for tag, value in message.fields():
        if tag == tags.STRATEGY_PARAMETER_NAME:
            found.append(StrategyParameter(value.decode("latin-1"), ""))
        elif tag == tags.STRATEGY_PARAMETER_TYPE and found:
            if not (value.isdigit() and len(value) < 6):
                raise FieldError(tag, value, "is not an integer", 6)  # 373=6, incorrect data format
            found[-1] = found[-1]._replace(type=int(value))
        elif tag == tags.STRATEGY_PARAMETER_VALUE and found:
            found[-1] = found[-1]._replace(value=value.decode("latin-1"))
    if stated != b"%d" % len(found) or len(found) > _MAX_PARAMETERS:
        rule = f"does not agree with {len(found)} StrategyParameterName(958) (up to {_MAX_PARAMETERS})"
        raise FieldError(tags.NO_STRATEGY_PARAMETERS, stated, rule, 16)  # 373=16, NumInGroup count
    return tuple(found)
