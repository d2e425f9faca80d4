"""Where the demo's frames go: a live screen on a terminal, otherwise a line now and then."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live

from fixsim.demo.liveview import Snapshot, line, render

FRAMES_PER_S = 10
LINE_EVERY_S = 5.0
PICTURE_SIZE = 120, 30
_FONT_FACE = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)
"""rich asks a web host for its font; a picture of ours asks nobody, and falls back to monospace."""


class Watch:
    """A context around one run. `update` may be called as often as one likes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, screen=True) if console.is_terminal else None
        self._next_s = 0.0

    def __enter__(self) -> Watch:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def is_due(self) -> bool:
        """Whether a frame would be shown now; asked first, since making one costs something."""
        return time.monotonic() >= self._next_s

    def update(self, snapshot: Snapshot) -> None:
        if self._live is not None:
            self._next_s = time.monotonic() + 1 / FRAMES_PER_S
            self._live.update(render(snapshot), refresh=True)
        else:
            self._next_s = time.monotonic() + LINE_EVERY_S
            self._console.print(line(snapshot), highlight=False, soft_wrap=True)


def picture(snapshot: Snapshot, path: Path) -> None:
    """The screen as an SVG file: the README's picture."""
    width, height = PICTURE_SIZE
    console = Console(record=True, width=width, height=height, file=io.StringIO())
    console.print(render(snapshot), height=height)
    drawn = console.export_svg(title="make demo")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_FONT_FACE.sub("", drawn), encoding="utf-8")
