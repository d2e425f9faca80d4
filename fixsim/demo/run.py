"""One run of the demo: three processes over TCP, watched through the router's journal to the market's end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from fixsim.demo.follow import Follow
from fixsim.demo.processes import POLL_S, DemoError, Processes, last_line, run_command
from fixsim.demo.settings import Policy, Run, prepare
from fixsim.demo.watch import Watch, picture
from fixsim.record import read_record
from fixsim.report.agreement import compare, routers_story, venues_story
from fixsim.report.runresult import Agreement, RunResult
from fixsim.settings import load_settings
from router.journalfile import Follower, verify
from router.settings import load as load_router
from router.tca import Target, figures

RUN_WITHIN_S = 300.0
LOOK_EVERY_S, UNPACED_LOOK_EVERY_S = 0.1, 0.5  # a look costs processor time that an unpaced run wants
_OVER = object()


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    etc: Path
    out: Path
    speed: float
    picture: Path | None = None


@dataclass(slots=True)
class Check:
    """Something that must hold, and whether it does."""

    text: str
    holds: bool


@dataclass(slots=True)
class Scene:
    """One run while it lasts."""

    run: Run
    processes: Processes
    follow: Follow
    schedule: list[Target] = field(default_factory=list)
    wall_s: float = 0.0
    checks: list[Check] = field(default_factory=list)

    def check(self, text: str, holds: bool) -> None:
        self.checks.append(Check(text, holds))

    def start_router(self) -> None:
        command = ["router", "run", "--settings", str(self.run.router_settings)]
        self.processes.start("router", command, self.run.log("router"))

    def operator(self, command: str, identity: str, reason: str) -> int:
        """`router kill --all` and its like; returns the exit status."""
        settings = ["--settings", str(self.run.router_settings)]
        told = ["--all", "--identity", identity, "--reason", reason, *settings]
        return run_command(["router", command, *told], self.run.log("operator"))


Act = Callable[[Scene], Iterator[None]]
"""What a run does beside watching: resumed at every look at the journal, ended when it has done its part."""


def play(
    options: Options,
    policy: Policy,
    speed: float,
    console: Console,
    act: Act | None = None,
    picture_to: Path | None = None,
) -> Scene:
    """One run from its settings to the end of the recording. DemoError if a process fails or hangs."""
    run = prepare(options.etc, options.out / policy.name, policy, speed)
    pace = f"{speed:g} × the recording" if speed else "as fast as possible"
    console.print(f"{policy.title}: {pace}; logs in {run.folder}", highlight=False, soft_wrap=True)
    follow = Follow(run.lots_per_unit, run.unit)
    began_s = time.monotonic()
    with ExitStack() as ending, Processes() as processes, Watch(console) as watch:
        ending.callback(shutil.rmtree, run.socket_folder, ignore_errors=True)
        scene = Scene(run, processes, follow)
        _begin(scene)
        acting, acted = (act(scene), False) if act is not None else (iter(()), True)
        with _followed(scene) as look:
            deadline_s = time.monotonic() + RUN_WITHIN_S
            pause_s = LOOK_EVERY_S if speed else UNPACED_LOOK_EVERY_S
            while not processes.ended("fixsim"):
                if time.monotonic() > deadline_s:
                    raise DemoError(f"the run did not end within {RUN_WITHIN_S:g} s; see {run.folder}")
                look()
                processes.check()
                if processes.ended("desk") and not follow.fills:
                    raise DemoError(f"the desk's order came to nothing: {last_line(run.log('desk'))}")
                acted = acted or next(acting, _OVER) is _OVER
                if watch.is_due():
                    _show(scene, watch, pace, picture_to)
                time.sleep(pause_s)
            while not (processes.ended("router") and processes.ended("desk")):
                if time.monotonic() > deadline_s:
                    raise DemoError(f"router or desk did not end after the market did; see {run.folder}")
                time.sleep(POLL_S)
            look()
    if not acted:
        scene.check("the market did not end before the demo's part was played", False)
    scene.wall_s = time.monotonic() - began_s
    return scene


def _begin(scene: Scene) -> None:
    run, processes = scene.run, scene.processes
    fixsim = load_settings(run.fixsim_settings)
    processes.start("fixsim", ["fixsim", "serve", "--settings", str(run.fixsim_settings)], run.log("fixsim"))
    processes.wait_listening("fixsim", fixsim.clock.port)
    scene.start_router()
    processes.wait_listening("router", load_router(run.router_settings).oms.port)
    # 1: the parent was not filled in full, which is for the report to say.
    processes.start("desk", desk_command(run), run.log("desk"), good=(0, 1))


def desk_command(run: Run) -> list[str]:
    """The desk's client: one parent of 10, for the named policy, that must complete."""
    parent = ["--side", "buy", "--quantity", "10", "--strategy", str(run.policy.strategy), "--must-complete"]
    told = ["--settings", str(run.fixsim_settings), "--log", str(run.folder / "desk.jsonl")]
    return ["fixsim", "desk", *told, *parent]


@contextmanager
def _followed(scene: Scene) -> Iterator[Callable[[], None]]:
    """Gives a function that takes in what the journal has grown by."""
    follower: Follower | None = None

    def look() -> None:
        nonlocal follower
        if follower is None and scene.run.journal.exists():
            follower = Follower(scene.run.journal)
        if follower is not None:
            scene.follow.take(follower.poll())
        parent = scene.follow.parent
        if parent is not None and not scene.schedule:
            times = parent.start_ns, parent.end_ns
            scene.schedule = scene.run.policy.schedule(*times, parent.qty_lots)

    try:
        yield look
    finally:
        if follower is not None:
            follower.close()


def _show(scene: Scene, watch: Watch, pace: str, picture_to: Path | None) -> None:
    parent = scene.follow.parent
    if parent is None:
        return
    verb = "Buy" if parent.sign > 0 else "Sell"
    quantity = f"{parent.qty_lots / scene.run.lots_per_unit:,.8g} {scene.run.unit}"
    title = f"{verb} {quantity}, {parent.symbol}, by {scene.run.policy.title}"
    snapshot = scene.follow.snapshot(title, scene.schedule, pace)
    if snapshot is None:
        return
    watch.update(snapshot)
    if picture_to is not None and 2 * snapshot.done_lots <= snapshot.qty_lots and snapshot.orders:
        picture(snapshot, picture_to)


def result_of(scene: Scene) -> RunResult:
    """Everything a report wants to know of a run that has ended."""
    run, follow = scene.run, scene.follow
    parent = follow.parent
    if parent is None:
        raise DemoError(f"the desk's parent never reached the router; see {run.log('desk')}")
    facts = follow.facts(scene.schedule)
    return RunResult(
        policy=run.policy.title,
        strategy=parent.strategy,
        seed=run.seed,
        symbol=parent.symbol,
        unit=run.unit,
        currency=run.currency,
        venues=follow.venues,
        limit_nanos=parent.limit_nanos,
        facts=facts,
        figures=figures(facts),
        mids=follow.mids,
        decisions=follow.decisions,
        fallback_decisions=follow.fallback_decisions,
        agreement=agreement_of(run, follow),
        journal_sha256=verify(run.journal).sha256,
        wall_s=scene.wall_s,
    )


def agreement_of(run: Run, follow: Follow) -> Agreement:
    """The two witnesses, compared."""
    session = load_router(run.router_settings).venues[0].order_entry.sender_comp_id
    venues = venues_story(read_record(run.record), session)
    router = routers_story(follow.wires, {run.symbol: run.lots_per_unit})
    return compare(venues, router)
