"""`router fix log`: what a person is shown of a journal, what is left out, and what is never shown."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from router import cli, fixlogcli, journalfile
from router.fix.codec import Garbled, Message, encode, parse
from router.fix.dictionary import load
from router.fix.versions import FIX44, FIX50SP2
from router.fixlog import INDENT, Filter, FixLog
from router.fixwords import body, piped, piped_bytes
from router.journal import JournalWriter, Kind, Record, fix_payload, json_payload
from router.journalfile import Follower
from router.records import LINK_BLOCKED, LINK_DOWN, LINK_UP, pack_garbled
from tests.router.rig import BTC, LIT1, SECOND, START, Rig

T = 1_767_571_200_123_456_789  # 2026-01-05 00:00:00.123456789
MS = 1_000_000
SPEC = [{"name": "VENUE"}, {"name": "DESK1", "version": "FIX.5.0SP2"}]
SECRETS = ("hunter2", "correcthorse", "ciphered", "battery", "oldstyle")
ORDER = "11=SL1-5|55=BTC-USD|54=1|60=20260105-00:00:00.123|38=0.5|40=2|44=6190.01"


def wire(fields: str, msg_type: str = "D", seq: int = 7, begin: bytes = b"FIX.4.4", extra: str = "") -> bytes:
    fields, extra = (text.replace("|", "\x01") + "\x01" if text else "" for text in (fields, extra))
    return encode(begin, msg_type.encode(), seq, b"US", b"THEM", T, fields.encode(), extra.encode())


class Book:
    """A journal that a test writes."""

    def __init__(self) -> None:
        self.writer = JournalWriter()
        self.records: list[Record] = []
        self.add(Kind.START, json_payload({"sessions": SPEC}))

    def add(self, kind: Kind, payload: bytes, time_ns: int = T) -> None:
        self.writer.append(kind, time_ns, payload)
        self.records.append(Record(kind, 0, len(self.records), time_ns, payload, 0))

    def sent(self, raw: bytes, session: int = 0, time_ns: int = T) -> None:
        self.add(Kind.FIX_OUT, fix_payload(session, raw), time_ns)

    def came(self, raw: bytes, session: int = 0, time_ns: int = T) -> None:
        self.add(Kind.FIX_IN, fix_payload(session, raw), time_ns)

    def shown(self, only: Filter = Filter(), raw: bool = False, latency: bool = False) -> list[str]:  # noqa: B008
        log = FixLog(only, raw=raw, latency=latency)
        return [" " * at + text.plain for record in self.records for at, text in log.lines(record)]

    def file(self, path: Path, zeros: int = 0) -> Path:
        path.write_bytes(self.writer.take() + bytes(zeros))
        return path


@pytest.fixture
def book() -> Book:
    made = Book()
    made.sent(wire(ORDER))
    made.came(
        wire("37=V1|11=SL1-5|17=X1|150=0|39=0|55=BTC-USD|54=1|151=0.5|14=0|6=0", "8"), time_ns=T + 3 * MS
    )
    made.came(wire("112=ping", "1", begin=b"FIXT.1.1"), 1, T + 5 * MS)
    made.sent(wire("112=ping", "0", begin=b"FIXT.1.1"), 1, T + 6 * MS)
    return made


# What is shown


def test_a_message_is_a_headline_and_its_fields(book: Book) -> None:
    assert book.shown()[:3] == [
        "2026-01-05 00:00:00.123456789 == the router starts",
        "2026-01-05 00:00:00.123456789 -> VENUE  NewOrderSingle(D) 7  sent 00:00:00.123",
        "    ClOrdID(11)=SL1-5  Symbol(55)=BTC-USD  Side(54)=1 Buy  TransactTime(60)=20260105-00:00:00.123"
        "  OrderQty(38)=0.5  OrdType(40)=2 Limit  Price(44)=6190.01",
    ]


def test_what_came_in_points_the_other_way(book: Book) -> None:
    assert book.shown(Filter(direction="in"))[0].startswith(
        "2026-01-05 00:00:00.126456789 <- VENUE  ExecutionReport(8) 7"
    )


def test_groups_are_lines_of_their_own_and_groups_within_them_too() -> None:
    fields = "453=2|448=A|447=D|452=1|802=2|523=x|803=1|523=y|803=2|448=B|447=D|452=3|55=BTC-USD|386=0|54=1"
    message = parse(wire(fields))
    assert isinstance(message, Message)
    shown = [" " * at + text.plain for at, text in body(message, load(FIX44), 0)]
    assert shown == [
        "NoPartyIDs(453)=2",
        "  PartyID(448)=A  PartyIDSource(447)=D Proprietary  PartyRole(452)=1 ExecutingFirm"
        "  NoPartySubIDs(802)=2",
        "    PartySubID(523)=x  PartySubIDType(803)=1 Firm",
        "    PartySubID(523)=y  PartySubIDType(803)=2 Person",
        "  PartyID(448)=B  PartyIDSource(447)=D Proprietary  PartyRole(452)=3 ClientID",
        "Symbol(55)=BTC-USD  NoTradingSessions(386)=0",
        "Side(54)=1 Buy",
    ]


def test_every_field_is_shown_once_whatever_a_message_is(book: Book) -> None:
    """Groups that are broken, fields that no version has, types that are unknown."""
    for fields, kind in (
        ("453=9|447=D|448=A|999=x|452=1", "D"),
        ("6000=1|453=1|448=A", "U7"),
        ("1=a|1=b", "*"),
    ):
        message = parse(wire(fields, kind))
        assert isinstance(message, Message)
        shown = "  ".join(text.plain for _, text in body(message, load(FIX44), 0))
        words = [word for word in shown.split("  ") if word]
        assert [word[word.index("(") + 1 : word.index(")")] for word in words] == [
            field.partition("=")[0] for field in fields.split("|")
        ]
    book.sent(wire("58=x", "*"))
    assert book.shown()[-2].endswith("-> VENUE  MsgType(*) 7  sent 00:00:00.123")


def test_unusual_headers_are_said() -> None:
    book = Book()
    extra = "43=Y|97=Y|122=20260104-00:00:00|115=CLIENT"
    book.sent(wire("58=x", "8", extra=extra), time_ns=T + 86_400 * SECOND)
    assert book.shown()[-2:] == [
        "2026-01-06 00:00:00.123456789 -> VENUE  ExecutionReport(8) 7 PossDup PossResend"
        "  sent 20260105-00:00:00.123",
        "    OrigSendingTime(122)=20260104-00:00:00  OnBehalfOfCompID(115)=CLIENT  Text(58)=x",
    ]


def test_each_message_is_told_in_its_own_version(book: Book) -> None:
    book.sent(wire("39=0|150=1|20=0", "8", begin=b"FIX.4.2"))
    assert "ExecTransType(20)=0 New" in book.shown()[-1]
    book.sent(wire("20=0", "8", begin=b"FIX.4.4"))
    assert book.shown()[-1] == "    Tag(20)=0"


def test_a_reject_says_what_it_refuses() -> None:
    book = Book()
    book.came(wire("45=7|371=44|372=D|373=6|58=no", "3"))
    assert book.shown()[-1] == (
        "    RefSeqNum(45)=7  RefTagID(371)=44  RefMsgType(372)=D NewOrderSingle"
        "  SessionRejectReason(373)=6 IncorrectDataFormatForValue  Text(58)=no"
    )


def test_links_and_starts_are_told_between_the_messages(book: Book) -> None:
    for state in (LINK_UP, LINK_BLOCKED, LINK_DOWN):
        book.add(Kind.LINK, bytes((1, state)))
    assert [line[30:] for line in book.shown() if "==" in line] == [
        "== the router starts", "== DESK1 connected", "== DESK1 disconnected",
    ]  # fmt: skip


def test_sessions_that_were_added_later_have_names(book: Book) -> None:
    book.add(Kind.OPERATOR, json_payload({"cmd": "reload", "sessions": [{"name": "DESK2"}]}))
    book.add(Kind.OPERATOR, json_payload({"cmd": "kill", "scope": "all"}))
    book.sent(wire("", "0"), 2)
    book.sent(wire("", "0"), 9)
    assert "-> DESK2  Heartbeat(0)" in book.shown()[-2]
    assert "-> session 9  Heartbeat(0)" in book.shown()[-1]


def test_garbled_bytes_are_shown_as_they_are(book: Book) -> None:
    garbled = Garbled("CheckSum(10) does not match", b"8=FIX.4.4\x019=5\x01\x1b[2J", 19)
    book.add(Kind.FIX_IN, fix_payload(0, pack_garbled(garbled)))
    assert book.shown()[-2:] == [
        "2026-01-05 00:00:00.123456789 <- VENUE  garbled: CheckSum(10) does not match (19 bytes)",
        "    8=FIX.4.4|9=5|\\x1b[2J",
    ]
    for only in (Filter(types=frozenset({b"D"})), Filter(tags=((11, None),)), Filter(direction="out")):
        assert not any("garbled" in line for line in book.shown(only))


def test_a_peer_cannot_steer_the_terminal() -> None:
    book = Book()
    book.came(wire("58=\x1b]0;owned\x07\r\n\u202egnp|354=2|355=\xff\xfe", "B\x1b"))
    shown = book.shown() + book.shown(raw=True)
    assert all(char.isprintable() for line in shown for char in line)
    assert "Text(58)=\\x1b]0;owned\\x07\\x0d\\x0a\\x202egnp" in shown[2]


def test_a_long_value_is_cut() -> None:
    book = Book()
    book.came(wire("58=" + "x" * 1_000, "B"))
    assert book.shown()[-1].endswith("xxx... (1000 bytes)")
    assert "x" * 1_000 in book.shown(raw=True)[-1]


def test_raw_is_the_message_as_it_was_sent(book: Book) -> None:
    raw = wire(ORDER).replace(b"\x01", b"|").decode()
    assert book.shown(raw=True)[2] == " " * INDENT + raw


# Latencies


def test_latencies_are_the_way_here_and_the_time_to_the_first_answer(book: Book) -> None:
    book.came(wire("37=V1|11=SL1-5|17=X2|150=F|39=2", "8"), time_ns=T + 9 * MS)
    heads = [line for line in book.shown(latency=True) if " sent " in line]
    assert [line.partition("  sent 00:00:00.123")[2] for line in heads] == [
        "", "  transit 3.457 ms  answer 3.000 ms", "  transit 5.457 ms", "  answer 1.000 ms",
        "  transit 9.457 ms",
    ]  # fmt: skip


def test_a_filter_hides_no_question_from_its_answer(book: Book) -> None:
    shown = book.shown(Filter(direction="in", since_ns=T + 1), latency=True)
    assert "answer 3.000 ms" in shown[0]


def test_a_repeat_answers_nothing() -> None:
    book = Book()
    book.sent(wire(ORDER))
    book.came(wire("11=SL1-5|150=0", "8", extra="43=Y"))
    assert "answer" not in "".join(book.shown(latency=True))


def test_questions_are_remembered_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.fixlog._MAX_ASKED", 10)
    log = FixLog(Filter(), latency=True)
    for number in range(100):
        for _ in log.lines(Record(Kind.FIX_OUT, 0, 0, T, fix_payload(0, wire(f"11={number}")), 0)):
            pass
    assert len(log._asked) <= 10


# Filters


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (Filter(), ["D", "8", "1", "0"]),
        (Filter(types=frozenset({b"D", b"1"})), ["D", "1"]),
        (Filter(sessions=frozenset({"DESK1"})), ["1", "0"]),
        (Filter(sessions=frozenset({"DESK", "VEN"})), ["D", "8", "1", "0"]),
        (Filter(direction="out"), ["D", "0"]),
        (Filter(tags=((11, b"SL1-5"),)), ["D", "8"]),
        (Filter(tags=((11, None), (150, b"0"))), ["8"]),
        (Filter(tags=((11, b"SL1"),)), []),
        (Filter(since_ns=T + 3 * MS, until_ns=T + 6 * MS), ["8", "1"]),
    ],
)
def test_filters(book: Book, only: Filter, kinds: list[str]) -> None:
    heads = [line for line in book.shown(only) if " sent " in line]
    assert [line[line.index("(") + 1 : line.index(")")] for line in heads] == kinds


def test_a_field_in_a_group_is_found_as_well() -> None:
    book = Book()
    book.sent(wire("453=2|448=A|448=B"))
    assert book.shown(Filter(tags=((448, b"B"),)))
    assert not book.shown(Filter(tags=((448, b"C"),)))


def test_when_messages_are_asked_for_nothing_else_is_told(book: Book) -> None:
    book.add(Kind.LINK, bytes((0, LINK_UP)))
    for only in (Filter(types=frozenset({b"D"})), Filter(direction="out"), Filter(tags=((11, None),))):
        assert not any("==" in line for line in book.shown(only))
    assert any("VENUE connected" in line for line in book.shown(Filter(sessions=frozenset({"VENUE"}))))


# Secrets


@pytest.fixture
def telling() -> Book:
    """A journal of someone who kept passwords in it."""
    book = Book()
    logon = (
        "98=0|108=30|95=8|96=oldstyle|553=us|554=hunter2|925=correcthorse|1401=8|1402=ciphered"
        "|1403=7|1404=battery"
    )
    for begin in (b"FIX.4.2", b"FIX.4.4", b"FIXT.1.1"):
        book.sent(wire(logon, "A", begin=begin))
    book.came(wire("923=1|924=3|553=us|554=hunter2|925=correcthorse", "BE"))
    cut = wire(logon, "A")[:-20]
    for part in (cut, cut.replace(b"\x01", b"|"), b"554=hunter2\x0158=x\x01925=correcthorse"):
        book.came(pack_garbled(Garbled("cut", part, len(part))))
    return book


def test_passwords_are_never_shown(telling: Book) -> None:
    for raw in (False, True):
        for latency in (False, True):
            shown = "\n".join(telling.shown(raw=raw, latency=latency))
            assert shown.count("***") >= 5 * 3
            for secret in SECRETS:
                assert secret not in shown
            assert "us" in shown


def test_a_password_with_the_delimiters_in_it_is_masked_whole() -> None:
    message = parse(wire("98=0|108=0|1401=9|1402=ab\x01554=c\x01|58=x", "A", begin=b"FIXT.1.1"))
    assert isinstance(message, Message)
    for shown in (piped(message), "".join(text.plain for _, text in body(message, load(FIX50SP2), 0))):
        assert "554" not in shown
        assert "ab" not in shown
        assert shown.endswith("***") or "58" in shown
    assert piped_bytes(b"1402=ab\x01554=c\x01") == "1402=***"


def test_raw_data_that_is_no_logons_is_shown() -> None:
    book = Book()
    book.came(wire("148=h|95=4|96=data", "B"))
    assert "RawData(96)=data" in book.shown()[-1]


def test_a_tag_that_ends_like_a_secret_one_is_shown() -> None:
    assert piped_bytes(b"1554=a\x0154=1\x01") == "1554=a|54=1|"


# The command


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, ["fix", "log", *arguments])
    return result.exit_code, result.output


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "argv", ["router", "fix", "log", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return capsys.readouterr().err.strip()


def test_it_reads_a_journal_with_its_allocated_space(book: Book, tmp_path: Path) -> None:
    code, output = run("--journal", str(book.file(tmp_path / "j", zeros=5_000)))
    assert code == 0
    assert output.splitlines() == book.shown()


def test_it_reads_the_journal_of_the_settings(repository: Path, tmp_path: Path, book: Book) -> None:
    for name in ("router", "venues", "limits", "instruments", "policies"):
        (tmp_path / f"{name}.toml").write_bytes((repository / "etc" / f"{name}.toml").read_bytes())
    settings = tmp_path / "router.toml"
    settings.write_text(settings.read_text().replace('dir = "../var"', 'dir = "var"'))
    (tmp_path / "var").mkdir()
    book.file(tmp_path / "var/router.journal")
    code, output = run("--settings", str(settings), "--type", "NewOrderSingle,1")
    assert code == 0
    assert output.count(" sent ") == 2


def test_options_choose(book: Book, tmp_path: Path) -> None:
    journal = str(book.file(tmp_path / "j"))
    for arguments, count in (
        (["--session", "DESK1"], 2), (["--tag", "ClOrdID=SL1-5"], 2), (["--tag", "11"], 2),
        (["--direction", "in"], 2),
        (["--since", "2026-01-05T00:00:00.126"], 3), (["--until", "2026-01-05 00:00:00.126"], 1),
        (["--since", "2026-01-05T02:00:00.126+02:00"], 3), (["--since", "1d"], 0),
        (["--since", "2026-01-04", "--until", "2026-01-05T00:00:01Z"], 4),
    ):  # fmt: skip
        code, output = run("-j", journal, *arguments)
        assert code == 0
        assert output.count(" sent ") == count, arguments


def test_times_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    now = fixlogcli.datetime(2026, 1, 5, 12, 0, tzinfo=fixlogcli.UTC)
    second = 1_767_571_200
    assert fixlogcli._time_ns("--since", "10:30", now) == (second + 37_800) * SECOND
    assert fixlogcli._time_ns("--since", "5m", now) == (second + 43_200 - 300) * SECOND
    assert fixlogcli._time_ns("--since", "00:00:00.123456", now) == second * SECOND + 123_456_000


A_TIME = "must be a UTC time as 2026-01-05T10:00:00, 10:00 (today) or 5m (ago)"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--session", "LSE"], "--session LSE: the journal has no such session; it has VENUE, DESK1"),
        (["--type", "Foo"], "--type Foo: no version has such a message (D or NewOrderSingle, for instance)"),
        (["--tag", "Foo=1"], "--tag Foo=1: 'Foo' is no field (11=SL1-5 or ClOrdID=SL1-5, for instance)"),
        (["--tag", "0=1"], "--tag 0=1: '0' is no field (11=SL1-5 or ClOrdID=SL1-5, for instance)"),
        (["--since", "soon"], f"--since soon: {A_TIME}"),
        (["--until", "25:00"], f"--until 25:00: {A_TIME}"),
        (["--since", "9999999999d"], f"--since 9999999999d: {A_TIME}"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    arguments: list[str],
    text: str,
    book: Book,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = book.file(tmp_path / "j")
    assert refused(["-j", str(journal), *arguments], capsys, monkeypatch) == text


def test_a_file_that_is_no_journal_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(["-j", str(tmp_path / "none")], capsys, monkeypatch).endswith(
        "none: No such file or directory"
    )
    (tmp_path / "text").write_text("no journal at all, but long enough to be one")
    assert "this is no journal" in refused(["-j", str(tmp_path / "text")], capsys, monkeypatch)


def test_it_follows_a_journal_that_grows(
    book: Book, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a record first, which is waited for; then the other half; Ctrl-C ends it with status 0."""
    path = book.file(tmp_path / "j")
    book.sent(wire("112=late", "1"), time_ns=T + 20 * MS)
    rest = book.writer.take()
    steps: list[Callable[[], object]] = [
        lambda: append(path, rest[:30]), lambda: append(path, rest[30:]), interrupt,
    ]  # fmt: skip
    monkeypatch.setattr(fixlogcli.time, "sleep", lambda _: steps.pop(0)())
    code, output = run("--journal", str(path), "--follow")
    assert code == 0
    assert output.splitlines() == book.shown()
    assert output.splitlines()[-1] == "    TestReqID(112)=late"
    assert not steps


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_session_that_is_not_there_is_said_before_following(
    book: Book, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = str(book.file(tmp_path / "j"))
    assert "no such session" in refused(["-j", journal, "-f", "--session", "LSE"], capsys, monkeypatch)


def test_a_long_journal_is_read_in_pieces(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(600):
        book.sent(wire(f"11={number}"), time_ns=T + number)
    path = book.file(tmp_path / "j", zeros=1_000)
    monkeypatch.setattr(journalfile, "READ_BYTES", 2_000)
    follower = Follower(path)
    pieces = []
    while records := follower.poll():
        pieces.append(len(records))
    follower.close()
    assert sum(pieces) == 605 + 2  # with two CHAIN records
    assert max(pieces) < 20
    code, output = run("--journal", str(path), "--type", "D")
    assert code == 0
    assert output.count(" sent ") == 601


def test_a_reader_that_has_seen_enough_is_no_fault(book: Book, tmp_path: Path) -> None:
    for number in range(1_500):
        book.sent(wire(f"11={number}|58={'x' * 100}"))
    path = book.file(tmp_path / "j")
    command = [sys.executable, "-c", "from router.cli import main; main()", "fix", "log", "-j", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


def test_a_terminal_gets_colour_and_folded_lines(book: Book) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60, color_system="standard", highlight=False)
    log = FixLog(Filter(types=frozenset({b"D"})))
    for record in book.records:
        for line in log.lines(record):
            fixlogcli._print(console, line)
    lines = screen.getvalue().splitlines()
    assert "\x1b[" in lines[0]
    assert len(lines) > 3
    assert all(line.startswith("    ") for line in lines[2:])


def test_a_real_journal_is_told_whole(tmp_path: Path) -> None:
    """A router that trades: each of its messages is told, and none is strange to the dictionary."""
    rig = Rig()
    rig.want = 1
    rig.parent(1 * BTC)
    rig.run(2)
    for order in rig.orders(LIT1):
        rig.ack(order, LIT1)
        rig.fill(order, LIT1, order.qty_lots)
    rig.cancel_parent()
    rig.run(40)
    rig.restart()
    rig.up()
    records = rig.records()
    messages = [record for record in records if record.kind in (Kind.FIX_IN, Kind.FIX_OUT)]
    log = FixLog(Filter(), latency=True)
    shown = [text.plain for record in records for _, text in log.lines(record)]
    assert sum("  sent " in line for line in shown) == len(messages) > 50
    assert not any("Tag(" in line or "MsgType(" in line for line in shown)
    assert shown[0].startswith("2018-07-13 20:47:11.000000000 == the router starts")
    assert records[0].time_ns == START
    assert any("ExecutionReport(8)" in line and "answer" in line for line in shown)
