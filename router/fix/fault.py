"""What may be wrong with a received message, in the words of Reject(3): the codes and the finding.

Nothing of a session enters here, so that the dictionary can find faults without knowing one.
"""

from dataclasses import dataclass
from typing import Final

# SessionRejectReason(373). A version that lacks a code leaves the field out (versions.py).
INVALID_TAG_NUMBER: Final = 0
REQUIRED_TAG_MISSING: Final = 1
NOT_OF_THIS_MESSAGE: Final = 2
UNDEFINED_TAG: Final = 3
TAG_WITHOUT_VALUE: Final = 4
VALUE_INCORRECT: Final = 5
INCORRECT_FORMAT: Final = 6
COMP_ID_PROBLEM: Final = 9
SENDING_TIME_PROBLEM: Final = 10
INVALID_MSG_TYPE: Final = 11
TAG_REPEATED: Final = 13
TAG_OUT_OF_ORDER: Final = 14
GROUP_OUT_OF_ORDER: Final = 15
GROUP_COUNT_INCORRECT: Final = 16
UNSUPPORTED_VERSION: Final = 18
OTHER: Final = 99


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a received message, in the words of Reject(3)."""

    reason: int
    ref_tag: int
    text: str
    fatal: bool = False  # log out after the reject


REASONS: Final = {
    INVALID_TAG_NUMBER: "Invalid tag number",
    REQUIRED_TAG_MISSING: "Required tag missing",
    NOT_OF_THIS_MESSAGE: "Tag not defined for this message type",
    UNDEFINED_TAG: "Undefined tag",
    TAG_WITHOUT_VALUE: "Tag specified without a value",
    VALUE_INCORRECT: "Value is incorrect (out of range) for this tag",
    INCORRECT_FORMAT: "Incorrect data format for value",
    COMP_ID_PROBLEM: "CompID problem",
    SENDING_TIME_PROBLEM: "SendingTime accuracy problem",
    INVALID_MSG_TYPE: "Invalid MsgType",
    TAG_REPEATED: "Tag appears more than once",
    TAG_OUT_OF_ORDER: "Tag specified out of required order",
    GROUP_OUT_OF_ORDER: "Repeating group fields out of order",
    GROUP_COUNT_INCORRECT: "Incorrect NumInGroup count for repeating group",
    UNSUPPORTED_VERSION: "Invalid/Unsupported Application Version",
    OTHER: "Other",
}
"""The codes in the words of the specification (FIX 4.4 volume 6), which conformance scripts compare."""
