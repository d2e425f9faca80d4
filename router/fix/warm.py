"""Compile the kernels of this package, or load them from the cache, before the first message needs them."""

import numpy as np

from router.fix.codec import Message, encode, parse
from router.fix.dictionary import Validation, load
from router.fix.messages import BusinessMessageReject, ExecutionReport, build_incremental
from router.fix.versions import FIX44


class _Whole:
    """An instrument that trades in whole units."""

    lots_per_unit = 1


def warm() -> None:
    """Take one message through every kernel. Seconds the first time on a machine, then about one."""
    reject = BusinessMessageReject(ref_seq=1, ref_msg_type="0", reason=0)
    message = parse(encode(b"FIX.4.4", b"j", 1, b"A", b"B", 0, reject.body()))
    if not isinstance(message, Message) or BusinessMessageReject.parse(message) != reject:
        raise AssertionError("the codec does not read what it writes")
    message.get(45)
    fill = b"37=1\x0117=1\x01150=F\x0139=2\x0155=A\x0154=1\x0132=1\x0131=1\x01151=0\x0114=1\x016=1\x01"
    report = parse(encode(b"FIX.4.4", b"8", 1, b"A", b"B", 0, fill))
    if not isinstance(report, Message) or ExecutionReport.parse(report, {"A": _Whole()}).cum_lots != 1:
        raise AssertionError("a report does not read as it was written")
    if load(FIX44).fault(message, Validation.FULL) is not None:
        raise AssertionError("the dictionary refuses what the codec writes")
    one = np.ones(1, np.int64)
    build_incremental("1", "A", one, one, one, one, 2, 1)
