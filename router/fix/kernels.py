"""What is done for every byte of the wire: find a message, check it, cut it into fields. Compiled by numba.

Nothing here knows a session or the meaning of a body. Framing is that of FIX 4.4 volume 2, "Message
integrity": BeginString, BodyLength and MsgType come first, BodyLength counts from after its own delimiter to
the delimiter before CheckSum, and CheckSum is the sum of all bytes before it, modulo 256. Data fields (their
length announced by the field before) may contain the delimiter.
"""

from typing import Any, Final

import numpy as np
from numba import njit

MAX_DIGITS: Final = 18  # of any number on the wire, so that it fits 64 bits

# Outcomes of `scan`
MESSAGE: Final = 0
PARTIAL: Final = 1  # more bytes are needed
JUNK: Final = 2  # does not begin with 8=FIX
GARBLED: Final = 3  # does, but breaks the framing: the reason is in the second place
BAD_CHECKSUM: Final = 4  # well framed, wrong sum: the whole message is to be skipped
GROW: Final = 5  # more fields than the token array has rows

# Flags of a message. None set: an application message with nothing unusual about it.
POSS_DUP: Final = 1
POSS_RESEND: Final = 2
FAULT: Final = 4  # a field that is malformed or empty
ADMIN: Final = 8
APPL_VER_ID: Final = 16  # names an application version of its own

# Times that are none
NO_TIME: Final = -1
BAD_TIME: Final = -2

REASONS: Final = (
    "no 8=FIX where a message should begin",
    "BeginString(8) is longer than 12 characters",
    "BodyLength(9) is not the second field",
    "BodyLength(9) is not a number",
    "BodyLength(9) exceeds the largest message accepted",
    "MsgType(35) is not the third field",
    "BodyLength(9) does not lead to CheckSum(10)",
)

_SOH: Final = 1
_EQUALS: Final = 61
LENGTHS: Final = (
    (90, 91), (93, 89), (95, 96), (212, 213), (348, 349), (350, 351), (352, 353), (354, 355), (356, 357),
    (358, 359), (360, 361), (362, 363), (364, 365), (445, 446), (618, 619), (621, 622), (1184, 1185),
    (1277, 1278), (1280, 1281), (1282, 1283), (1397, 1398), (1401, 1402), (1403, 1404), (1468, 1469),
    (1525, 1527), (1578, 1579), (1620, 1621), (1664, 1665), (1678, 1697), (1733, 1734), (1871, 1872),
    (1874, 1875), (2072, 2073), (2074, 2075), (2111, 2112), (2179, 2180), (2287, 2288), (2351, 2352),
    (2372, 2371), (2481, 2482), (2494, 2493), (2522, 2521), (2637, 2638), (2651, 2652), (2665, 2666),
    (2715, 2716), (2718, 2719), (2721, 2722), (2797, 2798), (2802, 2801), (2809, 2808), (2815, 2814),
    (40004, 40005), (40008, 40009), (40978, 40979), (40980, 40981), (40982, 40983), (40984, 40985),
    (40986, 40987), (40988, 40989), (41083, 41084), (41101, 41102), (41107, 41108), (41256, 41257),
    (41320, 41321), (41324, 41325), (41458, 41459), (41476, 41477), (41482, 41483), (41653, 41654),
    (41710, 41711), (41806, 41807), (41811, 41812), (41873, 41874), (41969, 41970), (42025, 42026),
    (42171, 42172), (42451, 42452), (42652, 42653), (42947, 42948), (43109, 42684), (43110, 42486),
    (43111, 42982),
)  # fmt: skip
"""Length fields and their data fields, of all versions that are spoken: the dictionaries say the same."""
_DATA_OF = np.zeros(LENGTHS[-1][0] + 1, np.uint16)  # length tag -> its data tag
for _length, _data in LENGTHS:
    _DATA_OF[_length] = _data
_LAST_LENGTH: Final = len(_DATA_OF) - 1


@njit(cache=True, nogil=True)
def _two(buf: Any, at: int) -> Any:
    a: Any = np.int64(buf[at]) - 48
    b: Any = np.int64(buf[at + 1]) - 48
    if a < 0 or a > 9 or b < 0 or b > 9:
        return -10_000
    return a * 10 + b


@njit(cache=True, nogil=True)
def utc_ns(buf: Any, lo: int, hi: int) -> Any:
    """UTCTimestamp in buf[lo:hi] as ns since 1970 (until 2261: 64 bits), or BAD_TIME."""
    size = hi - lo
    if size < 17 or size == 18 or size > 27 or buf[lo + 8] != 45 or buf[lo + 11] != 58 or buf[lo + 14] != 58:
        return BAD_TIME
    year = _two(buf, lo) * 100 + _two(buf, lo + 2)
    month = _two(buf, lo + 4)
    day = _two(buf, lo + 6)
    hour = _two(buf, lo + 9)
    minute = _two(buf, lo + 12)
    second = _two(buf, lo + 15)
    if (
        year < 1970
        or year > 2261
        or month < 1
        or month > 12
        or day < 1
        or hour < 0
        or minute < 0
        or second < 0
    ):
        return BAD_TIME
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    elif month == 2:
        longest = 29 if leap else 28
    if day > longest or hour > 23 or minute > 59 or second > 60:
        return BAD_TIME
    fraction = 0
    if size > 17:
        if buf[lo + 17] != 46:
            return BAD_TIME
        for at in range(lo + 18, lo + 27):
            fraction *= 10
            if at < hi:
                digit: Any = np.int64(buf[at]) - 48
                if digit < 0 or digit > 9:
                    return BAD_TIME
                fraction += digit
    shifted = month - 3 if month > 2 else month + 9
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * shifted + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return ((days * 24 + hour) * 60 + minute) * 60_000_000_000 + second * 1_000_000_000 + fraction


@njit(cache=True, nogil=True)
def number(buf: Any, lo: int, hi: int) -> int:
    """The unsigned integer in buf[lo:hi], or -1."""
    if hi <= lo or hi - lo > MAX_DIGITS:
        return -1
    value = 0
    for at in range(lo, hi):
        digit: Any = np.int64(buf[at]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@njit(cache=True, nogil=True)
def _admin(char: int) -> bool:
    return (48 <= char <= 53) or char == 65


@njit(cache=True, nogil=True)
def find_start(buf: Any, start: int, end: int) -> int:
    """Where the next 8=FIX begins, or what of it is there at the end of the bytes; `end` if there is none."""
    at = start
    while at < end:
        if buf[at] == 56:
            rest = end - at
            if (
                (rest < 2 or buf[at + 1] == 61)
                and (rest < 3 or buf[at + 2] == 70)
                and (rest < 4 or buf[at + 3] == 73)
                and (rest < 5 or buf[at + 4] == 88)
            ):
                return at
        at += 1
    return end


@njit(cache=True, nogil=True)
def scan(buf: Any, start: int, end: int, tok: Any, limit: int) -> Any:
    """Look for one message at buf[start:end]; its fields go into tok[:, (tag, value start, value end)].

    Positions are relative to `start`. Returns eleven integers: outcome, length (PARTIAL: what is needed,
    GARBLED: the reason), fields, MsgSeqNum (-1: none), flags, start and end of MsgType, start of SenderCompID
    and of TargetCompID (length: none), SendingTime in ns, and the first fault as tag * 256 +
    SessionRejectReason. `limit` is the largest message accepted, in bytes. Nothing is copied but the tokens.
    """
    have = end - start
    if find_start(buf, start, min(end, start + 5)) != start:
        return (JUNK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    # BeginString
    p = start + 5
    while p < end and buf[p] != _SOH and p - start <= 14:
        p += 1
    if p - start > 14:
        return (GARBLED, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    # BodyLength, as far as the bytes go: what has come must be right, what has not is waited for
    if (p + 1 < end and buf[p + 1] != 57) or (p + 2 < end and buf[p + 2] != _EQUALS):
        return (GARBLED, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    p += 3
    first = p
    size = 0
    while p < end and buf[p] != _SOH:
        digit: Any = np.int64(buf[p]) - 48
        if digit < 0 or digit > 9 or p - first >= 9:
            return (GARBLED, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        size = size * 10 + digit
        p += 1
    if p >= end:
        return (PARTIAL, have + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    if p == first:
        return (GARBLED, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    p += 1
    length = p - start + size + 7
    if length > limit:
        return (GARBLED, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    if (
        (p < end and buf[p] != 51)
        or (p + 1 < end and buf[p + 1] != 53)
        or (p + 2 < end and buf[p + 2] != _EQUALS)
    ):
        return (GARBLED, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    if have < length:
        return (PARTIAL, length, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    type_at = p + 3 - start
    stop = start + length
    trailer = stop - 7
    stated = number(buf, trailer + 3, trailer + 6)
    if (
        size < 5
        or buf[trailer - 1] != _SOH
        or buf[trailer] != 49
        or buf[trailer + 1] != 48
        or buf[trailer + 2] != _EQUALS
        or stated < 0
        or buf[stop - 1] != _SOH
    ):
        return (GARBLED, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    total = np.uint32(0)
    for byte in buf[start:trailer]:  # by the element, not by the index: that is vectorized
        total += np.uint32(byte)
    if np.int64(total & np.uint32(255)) != stated:
        return (BAD_CHECKSUM, length, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    rows = tok.shape[0]
    count = 0
    seq = -1
    flags = 0
    type_end = type_at
    sender_at = length
    target_at = length
    sent_ns = NO_TIME
    fault = -1
    data_tag = 0
    data_size = 0
    p = start
    while p < stop:
        q = p
        tag = 0
        char: Any = np.int64(buf[q])
        while 48 <= char <= 57 and q - p < 9:
            tag = tag * 10 + char - 48
            q += 1
            char = np.int64(buf[q])
        if char != _EQUALS or tag == 0 or buf[p] == 48:
            if fault < 0:
                fault = 0  # 373=0, invalid tag number
            while buf[q] != _SOH:
                q += 1
            p = q + 1
            data_tag = 0
            continue
        lo = q + 1
        hi = lo
        if tag == data_tag:
            hi = lo + data_size
            if hi >= trailer or buf[hi] != _SOH:
                hi = lo
                if fault < 0:
                    fault = tag * 256 + 6  # 373=6, incorrect data format for value
        while buf[hi] != _SOH:
            hi += 1
        if hi == lo and fault < 0:
            fault = tag * 256 + 4  # 373=4, tag specified without a value
        if count == rows:
            return (GROW, length, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        tok[count, 0] = tag
        tok[count, 1] = lo - start
        tok[count, 2] = hi - start
        count += 1
        data_tag = 0
        if tag <= _LAST_LENGTH:
            data_tag = _DATA_OF[tag]
            if data_tag != 0:
                data_size = number(buf, lo, hi)
                if data_size < 0 or data_size > length:
                    data_tag = 0
            elif tag == 34:
                if seq < 0:
                    seq = number(buf, lo, hi)
            elif tag == 35:
                if type_end == type_at:
                    type_end = hi - start
                    if hi - lo == 1 and _admin(buf[lo]):
                        flags |= ADMIN
            elif tag == 49:
                if sender_at == length:
                    sender_at = lo - start
            elif tag == 56:
                if target_at == length:
                    target_at = lo - start
            elif tag == 52:
                if sent_ns == NO_TIME:
                    sent_ns = utc_ns(buf, lo, hi)
            elif tag == 43:
                if hi - lo == 1 and buf[lo] == 89:
                    flags |= POSS_DUP
            elif tag == 97 and hi - lo == 1 and buf[lo] == 89:
                flags |= POSS_RESEND
            elif tag == 1128:
                flags |= APPL_VER_ID
        p = hi + 1
    if fault >= 0:
        flags |= FAULT
    return (MESSAGE, length, count, seq, flags, type_at, type_end, sender_at, target_at, sent_ns, fault)


@njit(cache=True, nogil=True)
def find_tag(tok: Any, count: int, tag: int) -> int:
    """The row of the first field with that tag, or -1."""
    for row in range(count):
        if tok[row, 0] == tag:
            return row
    return -1
