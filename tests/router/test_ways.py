"""What the shell knows of each session: from settings, password files and certificates."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import trustme

from risk.errors import SettingsError
from router.peers import Address
from router.settings import load
from router.startup import sessions_of
from router.ways import Way, acceptor_tls, ways_of
from tests.router.test_startup import change

VENUE = 'order_entry = { sender_comp_id = "SLUICE-OE", target_comp_id = "XDRK" }'


@pytest.fixture
def etc(repository: Path, tmp_path: Path) -> Path:
    """A copy of etc/ that a test may change."""
    return shutil.copytree(repository / "etc", tmp_path / "etc")


def ways(folder: Path) -> dict[str, Way]:
    return ways_of(load(folder / "router.toml"))


def test_without_more_a_venue_is_where_it_is_and_a_desk_comes(etc: Path) -> None:
    made = ways(etc)
    assert made["SLUICE-MD>XLIT2"] == Way(addresses=(Address(host="127.0.0.1", port=9402),))
    assert made["SLUICE>DESK1"] == Way()
    assert acceptor_tls(load(etc / "router.toml")) is None


def test_the_example_at_the_end_of_venues_toml_is_one(etc: Path) -> None:
    text = (etc / "venues.toml").read_text()
    head, example = text.split("# [venues.order_entry] ", 1)
    lines = ("# [venues.order_entry] " + example).splitlines()
    settings = [line[2:] for line in lines if re.match(r"# (\w+ = |\[)", line)]
    weekly = {"start_day", "end_day"}
    kept = "\n".join(line for line in settings if line.split(" ")[0] not in weekly).replace("0123…", "0" * 64)
    (etc / "venues.toml").write_text(head.replace(VENUE, "") + "\n" + kept)
    with pytest.raises(SettingsError, match=r"venues\.2\.order_entry\.password_file = .*No such file"):
        ways(etc)
    for name in ("xdrk.password", "xdrk.new"):
        (etc / name).write_text(name)
        (etc / name).chmod(0o600)
    with pytest.raises(SettingsError, match=r"venues\.2\.order_entry\.tls\.ca = .*No such file"):
        ways(etc)
    ca = trustme.CA()
    ca.cert_pem.write_to_path(etc / "venue-ca.pem")
    ours = ca.issue_cert("router.test")
    ours.cert_chain_pems[0].write_to_path(etc / "sluice.pem")
    ours.private_key_pem.write_to_path(etc / "sluice.key")
    way = ways(etc)["SLUICE-OE>XDRK"]
    assert [str(address) for address in way.addresses] == [
        "fix1.venue.example:9403",
        "fix2.venue.example:9403",
    ]
    assert way.secrets == {554: b"xdrk.password", 925: b"xdrk.new"}
    assert "xdrk.password" not in repr(way)
    assert way.schedule is not None
    assert way.tls is not None
    assert (way.tls.server_name, way.tls.pins) == ("fix.venue.example", {"0" * 64})
    spec = next(spec for spec in sessions_of(load(etc / "router.toml")) if spec.name == "SLUICE-OE>XDRK")
    assert spec.version == "FIX.5.0SP2"
    assert not spec.reset_at_start


def test_a_desk_s_password_and_pins_and_the_acceptor_s_certificate(etc: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(etc / "ca.pem")
    ours = ca.issue_cert("oms.test")
    ours.cert_chain_pems[0].write_to_path(etc / "oms.pem")
    ours.private_key_pem.write_to_path(etc / "oms.key")
    (etc / "desk.password").write_text("of-the-desk\n")
    (etc / "desk.password").chmod(0o600)
    change(
        etc / "router.toml",
        'desks = [{ comp_id = "DESK1" }]',
        'tls = { certificate = "oms.pem", key = "oms.key", ca = "ca.pem" }\n'
        'desks = [{ comp_id = "DESK1", username = "d", password_file = "desk.password", pins = ["'
        f'{"a" * 64}"] }}]',
    )
    way = ways(etc)["SLUICE>DESK1"]
    assert way.credential is not None
    assert way.credential.accepts(b"d", b"of-the-desk")
    assert way.pins == {"a" * 64}
    assert acceptor_tls(load(etc / "router.toml")) is not None
    (etc / "desk.password").chmod(0o644)
    with pytest.raises(SettingsError, match=r"router.toml: oms.desks.0.password_file = .*mode 0644"):
        ways(etc)
