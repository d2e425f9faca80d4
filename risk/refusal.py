"""A refusal: which rule, which value, which limit; and the codes of OrdRejReason(103)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNKNOWN_SYMBOL = 1
EXCEEDS_LIMIT = 3
TOO_LATE = 4
DUPLICATE = 6
UNSUPPORTED = 11
INCORRECT_QUANTITY = 13
OTHER = 99

# By rule, what FIX 5.0 SP2 has a code of its own for.
_SP2: Final = {
    "collar": 16, "tick": 18, "market_data": 19, "kill_latch": 21, "short_sale": 22, "size": 26,
    "quantity": 26, "value": 27,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not pass.

    `number`: the row in controls.md, 0 for what is no row there (the kill latch, an unknown symbol).
    `ord_rej_reason`: OrdRejReason(103) of FIX 4.4, for a parent. `setting`: the limit's name in limits.toml.
    """

    rule: str
    number: int
    value: int | str
    limit: int | str
    ord_rej_reason: int
    setting: str = ""

    @property
    def ord_rej_reason_sp2(self) -> int:
        """OrdRejReason(103) of FIX 5.0 SP2. A value that cannot be judged has no reference price (19)."""
        if self.rule == "value" and self.ord_rej_reason == OTHER:
            return _SP2["market_data"]
        return _SP2.get(self.rule, self.ord_rej_reason)

    @property
    def text(self) -> str:
        """One line for Text(58), the journal and the console."""
        row = f" (control {self.number})" if self.number else ""
        name = f"{self.setting}: " if self.setting else ""
        return f"{self.rule}{row}: {self.value}; limit {name}{self.limit}"
