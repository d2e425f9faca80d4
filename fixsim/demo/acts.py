"""What befalls the router in `fixsim demo --kill` and `--crash`, and what must hold then.

Each is a generator that the run resumes at every look at the journal until it has done its part; what it
found is in the scene's checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixsim.demo.follow import Follow
from fixsim.demo.run import Scene
from fixsim.report.runresult import NANOS

HOLD_NS = 20 * NANOS
"""How long a kill is held, in market time, before it is lifted: time for what must not leave to leave."""
TRADER, OFFICER = "trader", "risk-officer"
REFUSED = 2  # exit status


def kill_half_way(scene: Scene) -> Iterator[None]:
    """Kill all, see that nothing leaves, and lift it: the same identity may not, another may."""
    yield from _until_half(scene)
    status = scene.operator("kill", TRADER, "demo: half-way")
    scene.check("router kill: every order cancelled or filled, none unconfirmed", status == 0)
    follow = scene.follow
    while not follow.latch:
        yield
    while follow.now_ns < follow.latched_ns + HOLD_NS:
        yield
    scene.check("no order rests anywhere while latched", not follow.working)
    held_s = (follow.now_ns - follow.latched_ns) / NANOS
    scene.check(
        f"no order left in {held_s:.0f} s of market time after the latch", not follow.orders_after_latch
    )
    same = scene.operator("reinstate", TRADER, "demo: by the same person")
    scene.check("router reinstate by the identity that killed: refused", same == REFUSED)
    other = scene.operator("reinstate", OFFICER, "demo: by another person")
    scene.check("router reinstate by a second identity: done", other == 0)
    while follow.latch:
        yield
    before = len(follow.wires)
    while len(follow.wires) == before:
        yield
    scene.check("orders leave again", True)


def crash_half_way(scene: Scene) -> Iterator[None]:
    """kill -9, start again, and see that what may have been at a venue is asked for."""
    yield from _until_half(scene)
    follow = scene.follow
    while not follow.working:  # a crash with nothing at the venues would show little
        yield
    scene.processes.kill("router")
    yield  # one more look: what it wrote before it died
    unknown = set(follow.working)
    scene.start_router()
    while not follow.restarts:
        yield
    while not unknown <= follow.asked | _ended_since(follow, unknown):
        yield
    asked = len(unknown & follow.asked)
    scene.check(f"of {len(unknown)} orders that may have been at a venue, {asked} were asked for", asked > 0)
    scene.check("no ClOrdID left twice", len(_sent(follow)) == len(set(_sent(follow))))


def _until_half(scene: Scene) -> Iterator[None]:
    follow = scene.follow
    while follow.parent is None or 2 * follow.done_lots < follow.parent.qty_lots:
        yield


def _ended_since(follow: Follow, orders: set[str]) -> set[str]:
    """Orders of which a resent report has said the end: there is nothing to ask."""
    return orders - set(follow.working)


def _sent(follow: Follow) -> list[bytes]:
    """The ClOrdIDs of all NewOrderSingles that were not marked as possible duplicates."""
    news = (
        w.raw for w in follow.wires if w.outgoing and b"\x0135=D\x01" in w.raw and b"\x0143=Y" not in w.raw
    )
    return [raw.split(b"\x0111=", 1)[1].split(b"\x01", 1)[0] for raw in news]
