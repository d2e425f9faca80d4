"""What the engine must know, as one frozen value that the journal's START record carries.

The shell builds it from the settings files. It holds no path, no host and no port: with it and the inputs
that the journal holds, the engine's whole life can be lived again.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VenueConfig(_Frozen):
    """A venue in its slot (0 to 7). Fees in parts per billion of the notional; a rebate is negative."""

    name: str
    slot: int
    lit: bool
    maker_fee_ppb: int
    taker_fee_ppb: int
    depth: int  # MarketDepth(264): 0 is the full book


class SessionSpec(_Frozen):
    """One FIX session. `venue` is its slot, -1 for a desk."""

    name: str
    kind: Literal["orders", "market data", "desk"]
    venue: int
    version: str = "FIX.4.4"
    sender_comp_id: str
    target_comp_id: str
    heart_bt_int_s: int


class StrategyConfig(_Frozen):
    """What TargetStrategy(847) `code` runs: a policy file by its hash, and how its answer is chosen."""

    code: int
    policy: str
    sha256: str
    temperature: float


class EngineConfig(_Frozen):
    prefix: str
    venues: tuple[VenueConfig, ...]
    sessions: tuple[SessionSpec, ...]
    strategies: tuple[StrategyConfig, ...]
    symbols: tuple[str, ...]
    instruments: dict[str, dict[str, Any]]
    limits: dict[str, Any]
    decision_interval_ns: int
    min_event_interval_ns: int
    policy_deadline_ns: int
    policy_off_after: int
    ack_timeout_ns: int
    kill_timeout_ns: int
    market_data_stale_ns: int
    outbox_bound: int
    seed: int
    first_order_number: int
