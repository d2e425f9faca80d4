"""Passwords, from files that nobody else may read. They go to the wire, and never to engine, journal or log.

A password file holds one line. Its mode must give group and others nothing. Where systemd hands credentials
to the service ($CREDENTIALS_DIRECTORY), a file of the same name there is read in its place; systemd guards
it.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from risk.errors import SettingsError

MAX_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """Who a peer must be: for a desk's Logon."""

    username: bytes
    password: bytes = field(repr=False)

    def accepts(self, username: bytes, password: bytes) -> bool:
        # Both are compared, whatever the first gives: how long it takes tells nothing.
        return bool(
            hmac.compare_digest(username, self.username) & hmac.compare_digest(password, self.password)
        )


def read_password(where: str, path: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """The password in `path`. SettingsError names `where`, the file and the rule, and never the content."""
    handed = environment.get("CREDENTIALS_DIRECTORY")
    guarded = handed is not None and (Path(handed) / path.name).is_file()
    if guarded and handed is not None:
        path = Path(handed) / path.name
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{where} = {path}: {error.strerror}") from None
    if not guarded and mode & 0o077:
        rule = "group and others may have no access (chmod 600)"
        raise SettingsError(f"{where} = {path}: mode {mode:04o}; {rule}")
    password = content.removesuffix(b"\n")
    if not password or len(content) > MAX_BYTES or not all(32 < byte < 127 for byte in password):
        rule = f"must hold one line of 1 to {MAX_BYTES - 1} printable characters without blanks"
        raise SettingsError(f"{where} = {path}: {rule}")
    return password
