"""Compile every kernel once, with progress, so that no later start pays for it.

A module that holds numba kernels may define ``warm() -> None``, which calls each of them with the types of
real use on tiny inputs; numba then keeps the machine code beside the source (``cache=True``). This module
walks the packages, imports each module and calls what it finds; the matching kernels are warmed by replaying
the tape that ships, which shows at once that this machine gets the recorded matches. It is the step between
installing and the first job in the Makefile, and does nothing that lasts but fill those caches.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fixsim.tape import SHIPPED, load_tape, verify

LIT_VENUES = 2
PACKAGES = ("risk", "router", "fixsim", "policies")
_COMPILED_IN = re.compile(rb"import njit|^@(kernel|part|cold|aside)\b|import .*IntEnum", re.MULTILINE)
"""What marks a file that kernels are made of: kernels, and the names of the numbers in them."""


def module_names(packages: tuple[str, ...] = PACKAGES) -> Iterator[str]:
    """Every module of the packages, parents first; ``__main__`` modules and this one are left out."""
    for package in packages:
        root = importlib.import_module(package)
        yield package
        for found in pkgutil.walk_packages(root.__path__, prefix=f"{package}."):
            if not found.name.endswith(".__main__") and found.name != __name__:
                yield found.name


def warm_of(module: ModuleType) -> Callable[[], object] | None:
    """The module's own ``warm``, if it defines one (an imported name does not count)."""
    function = getattr(module, "warm", None)
    return function if callable(function) and function.__module__ == module.__name__ else None


def forget_stale(folders: list[Path]) -> bool:
    """Drop every cached kernel if the source of any has changed; whether it did.

    numba looks at a kernel's own file only: a cached caller would go on with the old code of a kernel that it
    inlined from another file, and with the old number of a name that it took from there.
    """
    sources = sorted(path for folder in folders for path in folder.rglob("*.py"))
    texts = [text for text in map(Path.read_bytes, sources) if _COMPILED_IN.search(text)]
    digest = hashlib.sha256(b"\0".join(texts)).hexdigest()
    stamp = folders[0] / "__pycache__" / "kernels.sha256"
    if stamp.is_file() and stamp.read_text() == digest:
        return False
    for folder in folders:
        for cached in (*folder.rglob("*.nbi"), *folder.rglob("*.nbc")):
            cached.unlink()
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest)
    return True


def main() -> int:
    """Warm every module that says how, and the matching engine; returns the exit status."""
    console = Console(stderr=True)
    if forget_stale([Path(str(importlib.import_module(package).__file__)).parent for package in PACKAGES]):
        console.print("==> kernels: sources changed, all are compiled again", highlight=False)
    names = list(module_names())
    columns = (
        TextColumn("==> kernels"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    began = time.monotonic()
    warmed = 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=name)
            function = warm_of(importlib.import_module(name))
            if function is not None:
                if not console.is_terminal:
                    console.print(f"    {name}", highlight=False)
                function()
                warmed += 1
            progress.advance(task)
        progress.update(task, description="fixsim.matching: the tape")
        report = verify(load_tape(SHIPPED), LIT_VENUES)
    if not report.ok:
        console.print(
            f"the tape does not replay on this machine: {report}", style="bold red", highlight=False
        )
        return 1
    seconds = time.monotonic() - began
    console.print(f"==> kernels of {warmed} modules ready in {seconds:.1f} s", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
