"""Reading the settings again while the router runs: what may change, and a refusal that names what may not.

New desks and new drop copies (a desk's or a venue's) are added; addresses, hours, certificates, pins and
password files change for sessions that are there. What shapes the engine's work otherwise - CompIDs,
versions, options, venues, limits, timing - belongs to a start. Policies are read at a start only, and not
looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from risk.errors import SettingsError
from router.config import EngineConfig, SessionSpec
from router.settings import Settings, load
from router.startup import engine_config
from router.ways import Way, acceptor_tls, ways_of

ADDABLE = frozenset({"desk", "desk drop copy", "drop copy"})
NOT_COMPARED = frozenset({"sessions", "strategies", "first_order_number"})


class Reload(NamedTuple):
    """What an operator's "reload" comes to: sessions to add, all ways, and whose way differs from before."""

    added: tuple[SessionSpec, ...]
    ways: dict[str, Way]
    changed: list[str]


def reload(
    settings: Settings, config: EngineConfig, ways: Mapping[str, Way], read: Callable[..., Settings] = load
) -> Reload:
    """`config` and `ways` are in force, made from `settings` and what was added since. SettingsError."""
    new = read(settings.path)
    asked, _ = engine_config(new, {}, 1)
    old = {spec.name: spec for spec in config.sessions}
    specs = {spec.name: spec for spec in asked.sessions}
    path = settings.path
    for name, spec in old.items():
        if name not in specs:
            raise SettingsError(f"{path}: session {name} is gone: only a restart takes a session away")
        _refuse_difference(
            f"{path}: session {name}: ", spec.model_dump(), specs[name].model_dump(), frozenset()
        )
    added = tuple(spec for name, spec in specs.items() if name not in old)
    for spec in added:
        if spec.kind not in ADDABLE:
            raise SettingsError(
                f"{path}: session {spec.name} ({spec.kind}) is new: only a restart adds a venue"
            )
    _refuse_difference(
        f"{path}: ", config.model_dump(mode="json"), asked.model_dump(mode="json"), NOT_COMPARED
    )
    _refuse_difference(f"{path}: ", _shell(settings), _shell(new), frozenset())
    acceptor_tls(new)  # what it names must be good, though it takes effect at a start
    made = ways_of(new)
    changed = sorted(name for name in old if _seen(ways[name]) != _seen(made[name]))
    return Reload(added, made, changed)


def _shell(settings: Settings) -> dict[str, Any]:
    """What the engine does not know, and a reload does not change."""
    oms = settings.oms
    return {
        "daemon": settings.daemon,
        "journal": settings.journal,
        "control": settings.control,
        "lockstep": settings.lockstep,
        "oms.host": oms.host,
        "oms.port": oms.port,
        "oms.logon_timeout_s": oms.logon_timeout_s,
        "oms.tls": oms.tls,
        "orders": settings.orders,
        "files": settings.files,
    }


def _seen(way: Way) -> tuple[object, ...]:
    """What of a way can be compared: a TLS context is new each time."""
    tls = None if way.tls is None else (way.tls.server_name, way.tls.pins)
    return (way.addresses, tls, way.schedule, way.secrets, way.credential, way.pins)


def _refuse_difference(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any], but: frozenset[str] | Sequence[str]
) -> None:
    for field in sorted(old.keys() | new.keys()):
        if field not in but and old.get(field) != new.get(field):
            raise SettingsError(f"{where}{field} differs from what is in force: that takes a restart")
