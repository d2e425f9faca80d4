"""What the daemon sets up around itself before anything else."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
import structlog

from router.daemon import MAX_FILES, log_plainly, open_files


@pytest.fixture
def logging() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("logging")
def test_a_traceback_in_the_log_tells_where_and_not_what_variables_held(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_plainly()

    def reads(password: bytes) -> None:
        raise ValueError(f"a message of {len(password)} bytes")

    try:
        reads(b"top" + b"secret")
    except ValueError as error:
        structlog.get_logger().critical("router broken", exc_info=error)
    told = capsys.readouterr().out
    assert "in reads" in told
    assert "ValueError: a message of 9 bytes" in told
    assert "topsecret" not in told


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(before[0], 256)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, before[1]))
    try:
        open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(before[1], MAX_FILES), before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
