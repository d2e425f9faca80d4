"""A refusal: which rule, which value, which limit; and the codes of OrdRejReason(103) in FIX 4.4."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN_SYMBOL = 1
EXCEEDS_LIMIT = 3
TOO_LATE = 4
DUPLICATE = 6
UNSUPPORTED = 11
INCORRECT_QUANTITY = 13
OTHER = 99


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
    def text(self) -> str:
        """One line for Text(58), the journal and the console."""
        row = f" (control {self.number})" if self.number else ""
        name = f"{self.setting}: " if self.setting else ""
        return f"{self.rule}{row}: {self.value}; limit {name}{self.limit}"
