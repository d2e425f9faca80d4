"""The strategies as a FIXatdl 1.1 document (FIX Trading Community, 2010): what a desk's order ticket reads to
offer them, with each parameter, the values that it may have and the tag that it goes into.

One document is for one FIX version: 4.2 has user-defined tags for what came with 4.4, and 5.0 SP2 takes
`complete` in StrategyParametersGrp(957). The parameters are those of router/algo.py. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import quoteattr

from router.algo import COMPLETE, COMPLETE_VALUES
from router.fix import tags
from router.fix.messages.strategies import USER_DEFINED
from router.fix.versions import Version

_NAMESPACE: Final = "http://www.fixprotocol.org/FIXatdl-1-1"
_SAYS: Final = {"must": "goes on until it is done", "may": "expires"}


def document(strategies: Iterable[tuple[str, int]], version: Version) -> str:
    """The whole document, of strategies by name and TargetStrategy(847)."""
    shift = 0 if version.strategy else USER_DEFINED
    has_group = "true" if version.strategy_group else "false"
    rooms = "\n".join(
        f'            xmlns{prefix}="{_NAMESPACE}/{room}"'
        for prefix, room in (("", "Core"), (":val", "Validation"), (":lay", "Layout"))
    ).lstrip()
    described = "".join(_strategy(name, code, version, shift) for name, code in strategies)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Strategies {rooms}\n"
        '            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\n'
        f'            xsi:schemaLocation="{_NAMESPACE}/Core fixatdl-core-1-1.xsd"\n'
        f'            strategyIdentifierTag="{tags.TARGET_STRATEGY + shift}" tag957Support="{has_group}"\n'
        '            changeStrategyOnCxlRpl="false">\n'
        f"  <Description>Parent orders of Sluice's router over {version.name}</Description>\n"
        f"{described}"
        "</Strategies>\n"
    )


def _strategy(name: str, code: int, version: Version, shift: int) -> str:
    shown = quoteattr(name.replace("_", " "))
    return f"""\
  <Strategy name={quoteattr(name)} uiRep={shown} wireValue="{code}" version="1" fixMsgType="D">
    <Parameter name="EffectiveTime" xsi:type="UTCTimestamp_t" fixTag="{tags.EFFECTIVE_TIME}" use="required"/>
    <Parameter name="ExpireTime" xsi:type="UTCTimestamp_t" fixTag="{tags.EXPIRE_TIME}" use="required"/>
{_complete(version, shift)}
    <lay:StrategyLayout>
      <lay:StrategyPanel title={shown} orientation="VERTICAL">
        <lay:Control ID="c_EffectiveTime" xsi:type="lay:Clock_t" label="Start" parameterRef="EffectiveTime"/>
        <lay:Control ID="c_ExpireTime" xsi:type="lay:Clock_t" label="End" parameterRef="ExpireTime"/>
        <lay:Control ID="c_{COMPLETE}" xsi:type="lay:DropDownList_t" label="Then" parameterRef="{COMPLETE}">
{_choices()}
        </lay:Control>
      </lay:StrategyPanel>
    </lay:StrategyLayout>
    <val:StrategyEdit errorMessage="The order must end after it starts">
      <val:Edit field="ExpireTime" operator="GT" field2="EffectiveTime"/>
    </val:StrategyEdit>
  </Strategy>
"""


def _complete(version: Version, shift: int) -> str:
    """Without a tag of its own it goes into the group of FIX 5.0 SP2."""
    in_group = version.strategy_group
    tag = "" if in_group else f' fixTag="{tags.TARGET_STRATEGY_PARAMETERS + shift}"'
    pairs = "\n".join(
        f'      <EnumPair enumID="{value}" wireValue="{value if in_group else f"{COMPLETE}={value}"}"/>'
        for value in COMPLETE_VALUES
    )
    parameter = f'    <Parameter name="{COMPLETE}" xsi:type="String_t"{tag} use="required">'
    return f"{parameter}\n{pairs}\n    </Parameter>"


def _choices() -> str:
    item = "          <lay:ListItem enumID={} uiRep={}/>"
    return "\n".join(item.format(quoteattr(value), quoteattr(_SAYS[value])) for value in COMPLETE_VALUES)
