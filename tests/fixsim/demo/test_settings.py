"""A demo run gets etc/ as it stands, with ports, folders and pace of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixsim.demo.settings import FIXSIM, ROUTER, Policy, free_ports, prepare, read_policies
from fixsim.settings import load_settings
from risk.errors import SettingsError
from router.settings import load

POLICY = Policy("almgren_chriss", 1002, bucket=0.05, urgency=2.0)


@pytest.fixture(autouse=True)
def socket_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs are prepared here and never played, so nobody else removes their sockets' folders."""
    made: list[str] = []
    make = tempfile.mkdtemp

    def remembered(prefix: str) -> str:
        made.append(make(prefix=prefix))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", remembered)
    yield
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture
def etc(repository: Path, tmp_path: Path) -> Path:
    """A copy of etc/ that a test may spoil; the policies' folder is where etc/ looks for it."""
    shutil.copytree(repository / "policies" / "artifacts", tmp_path / "policies" / "artifacts")
    return shutil.copytree(repository / "etc", tmp_path / "etc")


def test_the_shipped_policies_are_known_with_their_schedules(repository: Path) -> None:
    policies = read_policies(repository / "etc")
    assert policies["almgren_chriss"].title == "Almgren–Chriss"
    assert policies["almgren_chriss"].urgency == 2.0
    assert policies["twap"].urgency is None
    assert policies["submit_and_leave"].bucket is None


def test_both_sides_read_their_settings_and_agree_on_every_port(etc: Path, tmp_path: Path) -> None:
    run = prepare(etc, tmp_path / "run", POLICY, speed=7.5)
    exchange, router = load_settings(run.fixsim_settings), load(run.router_settings)
    assert exchange.clock.speed == 7.5
    assert router.lockstep is not None
    assert router.lockstep.port == exchange.clock.port
    assert router.oms.port == exchange.desk.port
    assert {v.name: v.port for v in router.venues} == {v.name: v.port for v in exchange.venue}
    assert router.journal.path == run.journal.resolve()
    assert exchange.record == str(run.record.resolve())


def test_two_runs_share_no_port_and_no_socket(etc: Path, tmp_path: Path) -> None:
    one, other = (load(prepare(etc, tmp_path / n, POLICY, 0).router_settings) for n in ("a", "b"))
    assert one.oms.port != other.oms.port
    assert one.control.socket != other.control.socket


def test_what_people_wrote_stays(etc: Path, tmp_path: Path) -> None:
    run = prepare(etc, tmp_path / "run", POLICY, speed=1)
    before, after = ((folder / FIXSIM).read_text() for folder in (etc, run.folder / "etc"))
    assert len(before.splitlines()) == len(after.splitlines())
    assert before.count("#") == after.count("#")


def test_an_old_run_in_the_same_folder_is_gone(etc: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "var").mkdir(parents=True)
    (tmp_path / "run" / "var" / "router.journal").write_bytes(b"old")
    assert not prepare(etc, tmp_path / "run", POLICY, 1).journal.exists()


def test_a_setting_that_is_gone_is_named(etc: Path, tmp_path: Path) -> None:
    path = etc / ROUTER
    path.write_text(path.read_text().replace("socket =", "sockett ="))
    with pytest.raises(SettingsError, match=r"router.toml: socket: .* not 0 times"):
        prepare(etc, tmp_path / "run", POLICY, 1)


@pytest.mark.parametrize(("name", "said"), [("policies.toml", "cannot be read"), (FIXSIM, "is not TOML")])
def test_a_file_that_cannot_be_used_is_named(etc: Path, tmp_path: Path, name: str, said: str) -> None:
    if said == "cannot be read":
        (etc / name).unlink()
    else:
        (etc / name).write_text((etc / name).read_text() + "\n= 1\n")
    with pytest.raises(SettingsError, match=f"{name}: {said}"):
        prepare(etc, tmp_path / "run", POLICY, 1)


def test_free_ports_differ() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20


def test_almgren_and_chriss_do_more_at_first_than_a_straight_line() -> None:
    straight = Policy("twap", 1001, bucket=0.05, urgency=None)
    curve, line = (p.schedule(0, 1_000, 10_000) for p in (POLICY, straight))
    assert [(line[0].lots, line[-1].lots), (curve[0].lots, curve[-1].lots)] == [(0, 10_000), (0, 10_000)]
    assert line[len(line) // 2].lots == 5_000
    assert curve[len(curve) // 2].lots == pytest.approx(6_760, abs=1)  # 1 - sinh(1) / sinh(2)
    assert [point.lots for point in curve] == sorted(point.lots for point in curve)


def test_a_policy_without_a_schedule_has_none() -> None:
    assert Policy("submit_and_leave", 1003, bucket=None, urgency=None).schedule(0, 10, 10) == []
