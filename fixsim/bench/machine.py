"""What the figures were measured on, in the words of the machine itself."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numba", "numpy", "onnxruntime-gpu", "onnxruntime", "uvloop", "simplefix")


def describe() -> list[tuple[str, str]]:
    """(what, value), for the report's first table."""
    load = " ".join(f"{part:.1f}" for part in os.getloadavg())
    found = [("processor", _processor()), ("cores", str(len(os.sched_getaffinity(0))))]
    found += [("memory", _memory()), ("kernel", f"{platform.system()} {platform.release()}")]
    found.append(("Python", f"{platform.python_implementation()} {platform.python_version()}"))
    found += [(name, text) for name in PACKAGES if (text := _version(name))]
    return [*found, ("load at the start (1, 5, 15 min)", load)]


def _processor() -> str:
    for name, value in _fields(Path("/proc/cpuinfo")):
        if name == "model name":
            return value
    return platform.processor() or platform.machine()


def _memory() -> str:
    for name, value in _fields(Path("/proc/meminfo")):
        if name == "MemTotal":
            return f"{int(value.split()[0]) / 2**20:.0f} GiB"
    return "not known"


def _fields(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
