"""What every test shares: the property profiles, and where the recordings that do not ship are found."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

# A kernel's first call compiles it, which no deadline per example survives.
settings.register_profile(
    "dev", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=200, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A command that ran in an earlier test has pointed the log elsewhere."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings that may not ship; a test that asks for it skips where it is not given."""
    named = os.environ.get("SHARED_DATA")
    if not named:
        pytest.skip("SHARED_DATA is not set: the recordings that do not ship are not on this machine")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"SHARED_DATA={named} is not a folder")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why tests were skipped, each reason once: a part that is not on this machine must not go unnoticed."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason} ({tests} tests)")
