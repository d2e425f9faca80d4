"""The limits in force: read once, frozen, every one required, each with its unit in its name.

A missing limit is an error at start, not "no limit". Shares and collars are in basis points (bp, 1e-4),
quantities in lots, values in whole units of the quote currency, times as their names say.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from risk.errors import SettingsError, read_settings

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[int, Field(gt=0, le=10_000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ChildLimits(_Table):
    """Controls 1, 7 and 8 for every child order."""

    max_share_of_parent_bp: Share
    max_share_of_adv_bp: Share
    max_repeats_count: Annotated[int, Field(gt=0, le=1_000)]
    repeat_period_ms: Positive
    max_new_orders_per_s: Annotated[int, Field(gt=0, le=100_000)]
    max_cancels_per_s: Annotated[int, Field(gt=0, le=100_000)]


class PriceLimits(_Table):
    """Control 3."""

    collar_bp: Share
    passive_collar_bp: Share
    rolling_collar_bp: Share
    rolling_period_s: Positive


class MarketDataLimits(_Table):
    """Control 4."""

    venue_max_silence_ms: Positive
    consolidated_max_age_ms: Positive
    last_sale_max_age_ms: Positive
    last_sale_required: bool


class ParentLimits(_Table):
    """What a parent must satisfy to be taken in, for every symbol."""

    max_share_of_adv_bp: Share
    max_duration_s: Positive
    max_open_count: Positive
    max_repeats_count: Annotated[int, Field(gt=0, le=1_000)]
    repeat_period_ms: Positive
    reference_max_age_ms: Positive
    restricted_symbols: Annotated[tuple[str, ...], Field(strict=False)]
    max_amendments_count: Annotated[int, Field(gt=0, le=10_000)] = 100
    short_sale_accounts: Annotated[tuple[str, ...], Field(strict=False)] = ()


# Limits that journals of earlier versions do not have: those days are lived again as these say. Files have
# them all.
_LATER: Final = ("max_amendments_count", "short_sale_accounts")


class SymbolLimits(_Table):
    """What depends on the symbol: sizes in its lots, values in its quote currency."""

    child_max_lots: Positive
    child_max_value_quote: Positive
    parent_max_lots: Positive
    parent_max_value_quote: Positive


class Limits(_Table):
    """limits.toml as a whole. `digest` names these limits in every decision's journal record."""

    child: ChildLimits
    price: PriceLimits
    market_data: MarketDataLimits
    parent: ParentLimits
    symbols: Annotated[dict[str, SymbolLimits], Field(min_length=1)]

    @cached_property
    def digest(self) -> str:
        """sha256, hex, of the canonical JSON form: independent of the file's comments, order and spacing."""
        canonical = self.model_dump(mode="json")
        parent = canonical["parent"]
        for accounts_or_symbols in ("restricted_symbols", "short_sale_accounts"):
            parent[accounts_or_symbols] = sorted(set(parent[accounts_or_symbols]))
        for name in _LATER:
            if getattr(self.parent, name) == ParentLimits.model_fields[name].default:
                del parent[name]
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load_limits(path: Path) -> Limits:
    """Read etc/limits.toml; SettingsError names the file, field, value and rule."""
    limits = read_settings(path, Limits)
    for name in _LATER:
        if name not in limits.parent.model_fields_set:
            raise SettingsError(
                f"{path}: parent.{name} is missing (every setting is required; there is no default)"
            )
    return limits
