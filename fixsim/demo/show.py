"""`fixsim demo`: exchange, router and desk as separate processes, and what came of it.

Plain: one parent by three policies over the same market, the first paced for watching, then the report. Exit
status 0 only if every parent is complete, no decision came from the fallback, and the venues' own record
agrees with the router's journal, order by order and fill by fill. --kill and --crash: one run each, with a
kill or a kill -9 of the router when half is done; exit status 0 only if all of its checks hold.
"""

from __future__ import annotations

from rich.console import Console

from fixsim.demo.acts import crash_half_way, kill_half_way
from fixsim.demo.processes import DemoError
from fixsim.demo.run import Act, Options, play, result_of
from fixsim.demo.settings import read_policies
from fixsim.report.page import write_report
from fixsim.report.table import summary

PLAYED = ("almgren_chriss", "twap", "submit_and_leave")


def run(act: str, options: Options, console: Console) -> int:
    """`fixsim demo`, with ``act`` "", "kill" or "crash". Returns the exit status; a fault is one line."""
    try:
        return {"": demo, "kill": demo_kill, "crash": demo_crash}[act](options, console)
    except DemoError as fault:
        console.print(f"the demo failed: {fault}", style="bold red", highlight=False, soft_wrap=True)
        return 1


def demo(options: Options, console: Console) -> int:
    """Three policies, one report; returns the exit status."""
    policies = read_policies(options.etc)
    results = []
    for number, name in enumerate(PLAYED):
        speed = 0.0 if number else options.speed
        scene = play(options, policies[name], speed, console, picture_to=None if number else options.picture)
        results.append(result_of(scene))
    console.print()
    console.print(summary(results))
    report = options.out / "report.html"
    write_report(results, report)
    console.print(f"\nreport: {report}", highlight=False, soft_wrap=True)
    return 0 if all(result.passed for result in results) else 1


def demo_kill(options: Options, console: Console) -> int:
    """A kill half-way, a second identity's reinstatement; returns the exit status."""
    return _with_checks(options, console, kill_half_way)


def demo_crash(options: Options, console: Console) -> int:
    """kill -9 of the router half-way, and its recovery; returns the exit status."""
    return _with_checks(options, console, crash_half_way)


def _with_checks(options: Options, console: Console, act: Act) -> int:
    policy = read_policies(options.etc)[PLAYED[0]]
    scene = play(options, policy, options.speed, console, act=act)
    result = result_of(scene)
    scene.check("the parent is complete", result.is_complete)
    agreement = result.agreement
    scene.check(f"both records agree on {agreement.orders} orders, {agreement.fills} fills", agreement.agrees)
    write_report([result], options.out / "report.html")
    for check in scene.checks:
        console.print(
            "[bold green]pass[/]" if check.holds else "[bold red]FAIL[/]", check.text, highlight=False
        )
    for line in agreement.differences:
        console.print(f"     {line}", highlight=False, soft_wrap=True)
    return 0 if all(check.holds for check in scene.checks) else 1
