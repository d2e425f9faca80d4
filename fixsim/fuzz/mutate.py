"""Messages that are almost right: real ones with fields deleted, doubled, swapped, spoilt, and bytes cut and
spliced; mostly with BodyLength and CheckSum made right afterwards, so that what lies behind them is reached.
"""

from __future__ import annotations

from random import Random
from typing import Final

from router.fix.codec import check_sum
from router.fix.versions import Version

Fields = list[tuple[bytes, bytes]]

TIME: Final = b"20260105-12:00:00.000"
_HEAD: Final = "49={from}|56={to}|34={seq}|52={time}"
SESSION: Final = (
    "A|98=0|108=30", "A|98=0|108=30|141=Y", "A|98=0|108=30|789=1|553=u|554=p", "0", "0|112=TEST", "1|112=a",
    "2|7=1|16=0", "2|7=2|16=5", "3|45=2|371=55|372=D|373=5|58=no", "4|36=9", "4|123=Y|36=7", "5", "5|58=bye",
)  # fmt: skip
APPLICATION: Final = (
    "D|11=o1|1=ACC|55=S|54=1|60={time}|38=5|40=2|44=10.25|59=0|453=2|448=A|447=D|452=1|448=B|447=D|452=3",
    "D|11=o2|55=S|54=5|114=N|60={time}|38=0.5|40=1|847=1001|848=complete=must|849=0.1|168={time}|126={time}",
    "D|11=o3|55=S|54=1|60={time}|38=7|40=1|957=2|958=x|959=1|960=5|958=y|959=14|960=z|354=3|355=a=b|528=A",
    "F|11=c1|41=o1|55=S|54=1|60={time}|38=5",
    "G|11=c2|41=o1|55=S|54=1|60={time}|38=6|40=2|44=10.5",
    "H|11=o1|55=S|54=1|790=q1",
    "q|11=m1|530=7|60={time}",
    "AF|584=s1|585=7",
    "8|37=v1|17=e1|150=F|39=1|11=o1|55=S|54=1|38=5|14=2|151=3|6=10.25|32=2|31=10.25|30=X|851=1|60={time}",
    "8|37=v1|17=e2|20=0|150=2|39=2|11=o1|55=S|54=1|38=5|14=5|151=0|6=10.2|32=3|31=10.2",
    "8|37=v1|17=e3|19=e1|150=H|39=1|11=o1|55=S|54=1|38=5|14=0|151=5|6=0",
    "9|37=v1|11=c1|41=o1|39=1|434=1|102=0|58=late",
    "j|45=2|372=D|379=o1|380=3|58=no",
    "r|11=m1|37=v2|530=7|531=7|533=1|534=1|41=o1|535=v1",
    "Q|37=v1|17=e1|127=A|55=S|54=1|32=2|31=10",
    "V|262=r|263=1|264=0|265=1|267=3|269=0|269=1|269=2|146=1|55=S",
    "W|262=r|55=S|268=3|269=0|270=10.1|271=4|269=1|270=10.2|271=5|269=2|270=10.1|271=1",
    "X|262=r|268=2|279=0|269=0|55=S|270=10.1|271=4|83=5|279=2|269=1|55=S|270=10.2|271=0|83=6",
    "Y|262=r|281=0|58=no",
    "c|320=d1|321=3|55=S",
    "d|320=d1|322=d2|323=1|55=S|562=1|969=0.01",
    "e|324=t1|55=S|263=1",
    "f|324=t1|55=S|326=17",
    "x|320=l1|559=4",
    "y|320=l1|322=l2|560=0|146=2|55=S|562=1|969=0.01|55=T|562=1|969=0.01",
    "C|164=e|94=0|147=x|33=1|58=line",
    "B|148=h|33=2|58=a|58=b|95=4|96=\x01=\x01|",
)
NUMBERS: Final = (
    b"0", b"-1", b"1", b"2", b"999999999", b"2147483648", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775808", b"18446744073709551616", b"1e9", b"NaN", b"inf", b"0x1", b"+5", b"5.", b".5",
    b"0.000000001", b"0.0000000001", b"00000000000000000000000000001", b"9" * 40, b"-0", b"1_0", b" 1", b"1 ",
)  # fmt: skip
OTHER: Final = (
    b"", b" ", b"Y", b"N", b"\x00", b"\xff\xfe", b"=", b"\xc3\xa9", b"A" * 300, b"%s%d%n", b"../../etc", TIME,
    b"20260231-25:61:61", b"00000000-00:00:00", b"99991231-23:59:60.999999999", b"19700101-00:00:00", b"***",
)  # fmt: skip
TAGS: Final = (
    b"0", b"-1", b"8", b"9", b"10", b"35", b"34", b"43", b"49", b"52", b"56", b"89", b"93", b"90", b"91",
    b"95", b"96", b"97", b"115", b"122", b"128", b"141", b"268", b"354", b"355", b"369", b"453", b"789",
    b"957", b"999", b"1137", b"5001", b"2147483647", b"2147483648", b"99999999999", b"", b"x", b"055", b" 55",
)  # fmt: skip
_COUNTS: Final = frozenset(
    {b"33", b"78", b"146", b"267", b"268", b"386", b"453", b"454", b"534", b"802", b"957"}
)
_MARKS: Final = (b"\x01", b"=", b"\x0110=", b"8=FIX")
_BREAKS: Final = (b"\x01", b"=", b"\x018=FIX.4.4\x01", b"\x0110=000\x01")


def fields_of(text: str, version: Version, sender: str, target: str, seq: int, time: bytes = TIME) -> Fields:
    """A template as fields from MsgType on; 8, 9 and 10 are `framed`'s."""
    kind, _, body = text.partition("|")
    head = _HEAD.format_map({"from": sender, "to": target, "seq": seq, "time": time.decode()})
    if kind == "A" and version.appl_ver_id:
        body += f"|1137={version.appl_ver_id}"
    whole = f"35={kind}|{head}" + (f"|{body}" if body else "")
    made: Fields = []
    for part in whole.replace("{time}", time.decode()).split("|"):
        tag, _, value = part.encode("latin-1").partition(b"=")
        if tag:
            made.append((tag, value))
    return made


def framed(begin: bytes, fields: Fields) -> bytes:
    body = b"".join([b"%b=%b\x01" % field for field in fields])
    head = b"8=%b\x019=%d\x01%b" % (begin, len(body), body)
    return head + b"10=%03d\x01" % check_sum(head)


class Mutator:
    """Deterministic for a seed."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._choice = random.choice
        self._below = random.randrange

    def message(self, begin: bytes, fields: Fields) -> bytes:
        """One message, with nought to three faults in its fields, and sometimes more in its bytes."""
        fields = list(fields)
        for _ in range(self._below(4)):
            if fields:
                self._spoil(fields)
        raw = framed(begin, fields)
        return raw if self._random.random() < 0.85 else self._bytes(raw)

    def _spoil(self, fields: Fields) -> None:
        below = self._below
        at = below(len(fields))
        tag, value = fields[at]
        match below(11):
            case 0:
                del fields[at]
            case 1:
                fields.insert(below(len(fields) + 1), fields[at])
            case 2:
                other = below(len(fields))
                fields[at], fields[other] = fields[other], fields[at]
            case 3 | 4:
                fields[at] = (tag, self._choice(NUMBERS))
            case 5:
                fields[at] = (tag, self._choice(OTHER))
            case 6:
                fields[at] = (self._choice(TAGS), value)
            case 7:
                fields.insert(at, (self._choice(TAGS), self._choice(NUMBERS)))
            case 8:
                cut = below(len(value) + 1)
                fields[at] = (
                    tag,
                    value[:cut] + self._choice(_MARKS) + value[cut:],
                )
            case 9:
                counts = [row for row, field in enumerate(fields) if field[0] in _COUNTS]
                row = self._choice(counts) if counts else at
                fields[row] = (fields[row][0], self._choice((b"0", b"1", b"100", b"2147483647", b"-1")))
            case _:
                end = min(at + 1 + below(4), len(fields))
                fields[end:end] = fields[at:end] * (1 + below(40 if below(50) else 2_000))

    def _bytes(self, raw: bytes) -> bytes:
        below = self._below
        at = below(len(raw))
        match below(6):
            case 0:
                return raw[:at]
            case 1:
                return raw[:at] + bytes((below(256),)) + raw[at + 1 :]
            case 2:
                return raw[:at] + raw[below(len(raw)) :]
            case 3:
                return raw[:at] + self._choice(_BREAKS) + raw[at:]
            case 4:
                start = raw.index(b"9=")
                return raw[:start] + b"9=" + self._choice(NUMBERS) + raw[raw.index(b"\x01", start) :]
            case _:
                return raw[:-4] + b"%03d\x01" % below(1000)
