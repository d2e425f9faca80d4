"""How much of a received message is looked at before it is believed: one choice for each session.

FRAMING is what a session needs to work at all, and every level includes it: a message that is not garbled,
with the fields that its own type needs to be understood. The flags add the specification's rules, each with
the SessionRejectReason(373) that it gives. A venue's own fields are listed in `custom`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

# Flags as the kernel has them
REQUIRED: Final = 1
VALUES: Final = 2
TYPES: Final = 4
GROUPS: Final = 8
UNKNOWN_TAGS: Final = 16
USER_TAGS: Final = 32
FIELD_ORDER: Final = 64
EMPTY_VALUES: Final = 128
REPEATED_TAGS: Final = 256
MSG_TYPES: Final = 512

FIRST_USER_TAG: Final = 5000

FORMS: Final = {
    name: number
    for number, name in enumerate(
        (
            "String", "data", "char", "Boolean", "int", "Length", "NumInGroup", "SeqNum", "TagNum",
            "DayOfMonth", "float", "Qty", "Price", "PriceOffset", "Amt", "Percentage", "MultipleCharValue",
            "MultipleStringValue", "Country", "Currency", "Exchange", "Language", "MonthYear", "UTCTimestamp",
            "UTCTimeOnly", "UTCDateOnly", "LocalMktDate", "LocalMktTime", "TZTimeOnly", "TZTimestamp",
        )
    )
}  # fmt: skip
"""Each data type's number for the kernels; those with one form stand together."""


Custom = tuple[int, str, tuple[str, ...]]
"""A field that is agreed with a venue: tag, type's name, message types that may carry it (none: all)."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The rules that a session's messages are held to, each with what breaking it is in 373.

    `required`: fields of the message, of its components in use and of each group entry (1). `values`: a value
    of the field's list (5). `types`: the form of the field's type (6). `groups`: number, first field and
    order of entries (15, 16). `unknown_tags`: every tag below 5000 is the specification's (0) and of this
    message (2). `user_tags`: tags from 5000 on are in `custom` or in the specification (0). `field_order`:
    header, then body, then trailer, and a data field right after its length (14). `empty_values`: no empty
    field (4). `repeated_tags`: no field twice, but in groups (13). `msg_types`: the specification has the
    message; user-defined ones begin with U (11).
    """

    required: bool = False
    values: bool = False
    types: bool = False
    groups: bool = False
    unknown_tags: bool = False
    user_tags: bool = False
    field_order: bool = False
    empty_values: bool = True
    repeated_tags: bool = False
    msg_types: bool = False
    custom: tuple[Custom, ...] = ()
    bits: int = field(init=False, repr=False, compare=False)

    NONE: ClassVar[Validation]
    FRAMING: ClassVar[Validation]
    FULL: ClassVar[Validation]

    def __post_init__(self) -> None:
        flags = (
            (self.required, REQUIRED), (self.values, VALUES), (self.types, TYPES), (self.groups, GROUPS),
            (self.unknown_tags, UNKNOWN_TAGS), (self.user_tags, USER_TAGS), (self.field_order, FIELD_ORDER),
            (self.empty_values, EMPTY_VALUES), (self.repeated_tags, REPEATED_TAGS),
            (self.msg_types, MSG_TYPES),
        )  # fmt: skip
        object.__setattr__(self, "bits", sum(bit for flag, bit in flags if flag))
        for tag, kind, _ in self.custom:
            if tag < 1:
                raise ValueError(f"custom tag {tag} must be at least 1")
            if kind not in FORMS:
                raise ValueError(f"custom tag {tag}: type {kind!r} is none of {', '.join(FORMS)}")


Validation.NONE = Validation(empty_values=False)
Validation.FRAMING = Validation()
Validation.FULL = Validation(
    required=True, values=True, types=True, groups=True, unknown_tags=True, field_order=True,
    empty_values=True, repeated_tags=True, msg_types=True,
)  # fmt: skip
