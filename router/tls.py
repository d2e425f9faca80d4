"""TLS for FIX links, both ways: at least 1.2, the peer's name and certificate checked, leaves pinned.

Contexts are made once, from files that the settings name; a file that does not do is a SettingsError which
names setting, file and fault. A pin is the SHA-256 of a certificate's DER, and is checked before a byte of
the session leaves.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from risk.errors import SettingsError
from router.peers import AcceptorTls, Tls


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a venue is dialled."""

    context: ssl.SSLContext
    server_name: str
    pins: frozenset[str]

    def refusal(self, transport: asyncio.BaseTransport) -> str:
        """Why the peer's certificate is not taken; "" if it is."""
        leaf = fingerprint(transport)
        if not self.pins or leaf in self.pins:
            return ""
        return f"the certificate of {self.server_name} has SHA-256 {leaf}, which is not pinned"


def client(where: str, tls: Tls) -> ClientTls:
    """`where` is the setting's file and name, for the faults."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks name and chain
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _trust(context, f"{where}.ca", tls.ca)
    if tls.certificate is not None and tls.key is not None:
        _identify(context, where, tls.certificate, tls.key)
    return ClientTls(context, tls.server_name, frozenset(tls.pins))


def server(where: str, tls: AcceptorTls) -> ssl.SSLContext:
    """With `ca` the peer must show a certificate of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _identify(context, where, tls.certificate, tls.key)
    if tls.ca is not None:
        _trust(context, f"{where}.ca", tls.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def fingerprint(transport: asyncio.BaseTransport) -> str:
    """SHA-256 of the DER of the peer's certificate in hex; "" if it showed none."""
    tls = transport.get_extra_info("ssl_object")
    der = None if tls is None else tls.getpeercert(binary_form=True)
    return "" if der is None else hashlib.sha256(der).hexdigest()


def _trust(context: ssl.SSLContext, where: str, ca: Path) -> None:
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise SettingsError(f"{where} = {ca}: no PEM certificate is in it") from None
    except OSError as error:
        raise SettingsError(f"{where} = {ca}: {error.strerror}") from None


def _identify(context: ssl.SSLContext, where: str, certificate: Path, key: Path) -> None:
    for name, path in (("certificate", certificate), ("key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise SettingsError(f"{where}.{name} = {path}: {error.strerror}") from None
    try:
        # A key that wants a pass phrase must not make the daemon ask the terminal for one.
        context.load_cert_chain(certificate, key, password=_no_pass_phrase)
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or "not PEM, or the key has a pass phrase"
        text = str(why).replace("_", " ").lower()
        raise SettingsError(f"{where}.certificate = {certificate}, key = {key}: {text}") from None


def _no_pass_phrase() -> str:
    return ""
