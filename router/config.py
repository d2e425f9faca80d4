"""What the engine must know, as one frozen value that the journal's START record carries.

The shell builds it from the settings files. It holds no path, no host and no port: with it and the inputs
that the journal holds, the engine's whole life can be lived again.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class _Frozen(BaseModel):
    """A field that has a default came to the journal later: it is written only where it says something
    else, so that a journal from before it replays to the bytes that it holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _leave_out_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        for name, field in type(self).model_fields.items():
            if not field.is_required() and getattr(self, name) == field.default:
                del written[name]
        return written


class VenueConfig(_Frozen):
    """A venue in its slot (0 to 7). Fees in parts per billion of the notional; a rebate is negative."""

    name: str
    slot: int
    lit: bool
    maker_fee_ppb: int
    taker_fee_ppb: int
    depth: int  # MarketDepth(264): 0 is the full book


class CustomTagSpec(_Frozen):
    """A tag of the peer's own: its FIX data type, and the MsgTypes that may carry it (none: all)."""

    tag: int
    type: str
    messages: tuple[str, ...] = ()


class SessionSpec(_Frozen):
    """One FIX session. `venue` is its slot, -1 for a desk. Addresses, passwords, certificates and hours are
    the shell's, and not here.
    """

    name: str
    kind: Literal["orders", "market data", "drop copy", "desk", "desk drop copy"]
    venue: int
    version: str = "FIX.4.4"
    sender_comp_id: str
    target_comp_id: str
    heart_bt_int_s: int
    begin_string: str = ""  # what journals from before versions had in their place; it was FIX.4.4
    drop_copy_of: str = ""  # of a "desk drop copy": the name of the desk's session
    username: str = ""
    has_password: bool = False
    has_new_password: bool = False
    requires_password: bool = False
    send_next_expected: bool = False
    send_last_processed: bool = False
    timestamp_digits: Literal[0, 3, 6, 9] = 3
    sending_time_tolerance_s: int = 120
    resend_chunk: int = 0
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    refuse_reset: bool = False
    validation: tuple[str, ...] = ()  # the dictionary's checks that are made
    custom_tags: tuple[CustomTagSpec, ...] = ()
    max_messages_per_s: int = 0  # 0: as many as there are
    cancels_per_s: int = 0  # of those, kept for cancels
    has_schedule: bool = False  # closed until the shell says that its hours have begun
    reset_at_start: bool = False  # sequence numbers go back to 1 when a new period of its schedule begins


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
