"""Password files: for nobody else's eyes, one line, and never quoted in a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk.errors import SettingsError
from router.credentials import Credential, read_password


def made(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_password_is_the_file_s_one_line(tmp_path: Path) -> None:
    assert read_password("s", made(tmp_path / "p", b"s3cret=!\n"), {}) == b"s3cret=!"
    assert read_password("s", made(tmp_path / "p", b"s3cret"), {}) == b"s3cret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = made(tmp_path / "p", b"s3cret\n", mode)
    with pytest.raises(SettingsError, match=rf"^x\.password_file = {path}: mode 0{mode:o}; .*chmod 600"):
        read_password("x.password_file", path, {})


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"s3 cret", b"s3cret\ns3cret\n", b"s3cret\x018=FIX", b"s\xc3\xa9", b"s3cret" * 200],
)
def test_what_is_no_password_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError, match="must hold one line of 1 to 1023 printable") as refused:
        read_password("x", made(tmp_path / "p", content), {})
    assert "s3" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"x = {tmp_path}/p: No such file"):
        read_password("x", tmp_path / "p", {})


def test_what_systemd_hands_over_takes_the_place_of_the_file(tmp_path: Path) -> None:
    handed = tmp_path / "handed"
    handed.mkdir()
    made(handed / "venue.password", b"from-systemd\n", 0o440)
    environment = {"CREDENTIALS_DIRECTORY": str(handed)}
    assert read_password("x", tmp_path / "venue.password", environment) == b"from-systemd"
    made(tmp_path / "other", b"own\n")
    assert read_password("x", tmp_path / "other", environment) == b"own"


def test_a_credential_takes_the_pair_alone_and_does_not_show_itself() -> None:
    credential = Credential(b"desk", b"s3cret")
    assert credential.accepts(b"desk", b"s3cret")
    for pair in ((b"desk", b"s3cre"), (b"desk", b""), (b"desk2", b"s3cret"), (b"", b"")):
        assert not credential.accepts(*pair)
    assert "s3cret" not in repr(credential)
