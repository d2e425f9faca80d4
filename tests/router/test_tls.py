"""TLS both ways over loopback: names, chains, pins, client certificates, versions, and faults in words."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from risk.errors import SettingsError
from router import tls
from router.fix.codec import Framer, Message
from router.fix.session import Session, SessionConfig
from router.link import Link, TcpNetwork
from router.peers import AcceptorTls, Tls

PATIENCE_S = 5
NAME = "venue.test"


@dataclass
class Papers:
    """An authority, a venue's certificate, and ours."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.ca_file = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, name: str, *names: str, **more: Any) -> tuple[Path, Path, str]:
        """Certificate, key, and the leaf's pin."""
        leaf = self.ca.issue_cert(*names, **more)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        leaf.private_key_pem.write_to_path(key)
        certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
        return certificate, key, hashlib.sha256(der).hexdigest()


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """The daemon's loop, and the one that tests have."""
    return uvloop.run if request.param == "uvloop" else asyncio.run


class Owner:
    def __init__(self) -> None:
        self.ups: asyncio.Queue[Link] = asyncio.Queue()
        self.downs: asyncio.Queue[str] = asyncio.Queue()
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    def link_up(self, link: Link) -> None:
        self.ups.put_nowait(link)

    def link_down(self, link: Link, reason: str) -> None:
        self.downs.put_nowait(reason)

    def messages_ready(self, link: Link) -> None:
        while (message := link.framer.next()) is not None:
            assert isinstance(message, Message)
            self.messages.put_nowait(message.keep())

    def link_blocked(self, link: Link, blocked: bool) -> None:
        pass


class Pair:
    """A listener and whoever dials it."""

    def __init__(self, context: ssl.SSLContext, port: int, venue: Owner) -> None:
        self.context, self.port, self.venue = context, port, venue
        self.us = Owner()

    async def dial(self, how: tls.ClientTls) -> Link:
        def link() -> Link:
            return Link(self.us, Framer(), dialled=True, refusal=how.refusal)

        return await TcpNetwork().dial("127.0.0.1", self.port, link, how.context, how.server_name)


@asynccontextmanager
async def listening(settings: AcceptorTls) -> AsyncIterator[Pair]:
    venue = Owner()
    context = tls.server("oms.tls", settings)
    listener = await TcpNetwork().serve("127.0.0.1", 0, lambda: Link(venue, Framer()), context)
    try:
        yield Pair(context, listener.port, venue)
    finally:
        listener.close()


async def soon(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), PATIENCE_S)


def logon(sender: str, target: str) -> bytes:
    happened = Session(SessionConfig("s", "initiator", sender, target)).connected(1_700_000_000 * 10**9)
    return b"".join(event.raw for event in happened if hasattr(event, "raw"))


def test_both_sides_show_a_certificate_and_messages_pass_both_ways(
    papers: Papers, run: Callable[..., None]
) -> None:
    certificate, key, pin = papers.issue("venue", NAME)
    ours, our_key, our_pin = papers.issue("us", "router.test")
    how = tls.client(
        "v", Tls(ca=papers.ca_file, server_name=NAME, certificate=ours, key=our_key, pins=(pin,))
    )

    async def act() -> None:
        async with listening(AcceptorTls(certificate=certificate, key=key, ca=papers.ca_file)) as pair:
            asked: list[str | None] = []
            pair.context.sni_callback = lambda _, name, __: asked.append(name)
            link = await pair.dial(how)
            theirs = await soon(pair.venue.ups)
            assert asked == [NAME], "SNI"
            assert link.fingerprint() == pin
            assert theirs.fingerprint() == our_pin
            for _ in range(2000):
                link.write(logon("US", "VENUE"))
                theirs.write(logon("VENUE", "US"))
            for _ in range(2000):
                assert (await soon(pair.venue.messages)).get(49) == b"US"
                assert (await soon(pair.us.messages)).get(49) == b"VENUE"
            link.close()
            assert await soon(pair.us.downs) == "closed by us"
            assert await soon(pair.venue.downs)

    run(act())


def test_another_leaf_than_the_pinned_one_gets_no_byte_and_its_hash_is_told(
    papers: Papers, run: Callable[..., None]
) -> None:
    certificate, key, pin = papers.issue("venue", NAME)
    how = tls.client("v", Tls(ca=papers.ca_file, server_name=NAME, pins=("0" * 64,)))

    async def act() -> None:
        async with listening(AcceptorTls(certificate=certificate, key=key)) as pair:
            with pytest.raises(ConnectionRefusedError, match=f"SHA-256 {pin}, which is not pinned"):
                await pair.dial(how)
            assert pair.us.ups.empty()
            assert pair.us.downs.empty(), "the owner never heard of it"
            right = tls.client("v", Tls(ca=papers.ca_file, server_name=NAME, pins=("0" * 64, pin)))
            link = await pair.dial(right)
            link.close()
            await soon(pair.venue.downs)
            assert pair.venue.messages.empty()

    run(act())


def test_a_name_an_authority_or_a_date_that_does_not_fit_is_refused(
    papers: Papers, tmp_path: Path, run: Callable[..., None]
) -> None:
    good = papers.issue("good", NAME)
    expired = papers.issue("expired", NAME, not_after=datetime.now(UTC) - timedelta(days=1))
    (tmp_path / "other").mkdir()
    foreign = Papers(tmp_path / "other").ca_file

    async def refused(leaf: tuple[Path, Path, str], ca: Path, name: str, why: str) -> None:
        how = tls.client("v", Tls(ca=ca, server_name=name))
        async with listening(AcceptorTls(certificate=leaf[0], key=leaf[1])) as pair:
            with pytest.raises(OSError, match=why):
                await pair.dial(how)
            assert pair.us.ups.empty()

    async def act() -> None:
        await refused(good, papers.ca_file, "elsewhere.test", "Hostname mismatch")
        await refused(good, foreign, NAME, "unable to get local issuer certificate")
        await refused(expired, papers.ca_file, NAME, "certificate has expired")

    run(act())


def test_who_shows_no_certificate_where_one_is_asked_for_is_not_let_in(
    papers: Papers, run: Callable[..., None]
) -> None:
    certificate, key, _ = papers.issue("venue", NAME)
    how = tls.client("v", Tls(ca=papers.ca_file, server_name=NAME))

    async def act() -> None:
        async with listening(AcceptorTls(certificate=certificate, key=key, ca=papers.ca_file)) as pair:
            try:  # under TLS 1.3 the client is through before the server has looked
                await pair.dial(how)
                assert await soon(pair.us.downs)
            except OSError:
                pass
            assert pair.venue.ups.empty()

    run(act())


def test_who_speaks_no_tls_or_an_old_one_is_not_let_in(papers: Papers, run: Callable[..., None]) -> None:
    certificate, key, _ = papers.issue("venue", NAME)

    async def act() -> None:
        async with listening(AcceptorTls(certificate=certificate, key=key)) as pair:
            reader, writer = await asyncio.open_connection("127.0.0.1", pair.port)
            writer.write(logon("US", "VENUE"))
            assert b"8=FIX" not in await asyncio.wait_for(reader.read(), PATIENCE_S)
            writer.close()
            assert pair.venue.ups.empty()
            assert pair.context.minimum_version is ssl.TLSVersion.TLSv1_2

    run(act())
    client = tls.client("v", Tls(ca=papers.ca_file, server_name=NAME)).context
    assert client.minimum_version is ssl.TLSVersion.TLSv1_2
    assert client.check_hostname
    assert client.verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_does_not_do_is_named_with_its_setting(papers: Papers) -> None:
    certificate, key, _ = papers.issue("venue", NAME)
    _, other_key, _ = papers.issue("other", NAME)
    nothing, rubbish = papers.folder / "nothing", papers.folder / "rubbish"
    rubbish.write_text("no PEM")

    def fault(**files: Path) -> str:
        with pytest.raises(SettingsError) as refused:
            tls.client("venues.toml: venues.0.order_entry.tls", Tls(server_name=NAME, **files))
        text = str(refused.value)
        assert "\n" not in text
        return text

    where = "venues.toml: venues.0.order_entry.tls"
    assert fault(ca=nothing) == f"{where}.ca = {nothing}: No such file or directory"
    assert fault(ca=rubbish) == f"{where}.ca = {rubbish}: no PEM certificate is in it"
    good = papers.ca_file
    assert fault(ca=good, certificate=nothing, key=key) == (
        f"{where}.certificate = {nothing}: No such file or directory"
    )
    assert fault(ca=good, certificate=certificate, key=nothing) == (
        f"{where}.key = {nothing}: No such file or directory"
    )
    assert "key values mismatch" in fault(ca=good, certificate=certificate, key=other_key)
    assert str(rubbish) in fault(ca=good, certificate=rubbish, key=key)
    with pytest.raises(SettingsError, match=r"oms\.tls\.certificate = .*key values mismatch"):
        tls.server("router.toml: oms.tls", AcceptorTls(certificate=certificate, key=other_key))
