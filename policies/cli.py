"""`policies`: build the shipped policy files, check files against the router's rules, list what may run.

Faults of the operator's (a file, a list, a setting) are one line on standard error and exit status 2.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from policies.export import dense, to_bytes
from policies.schedules import SCHEDULES
from risk.errors import SettingsError
from router.policy import Listed, PolicyError, check, load, read_policies

ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
LIST = Path("etc/policies.toml")

app = typer.Typer(
    help="Execution policies as ONNX files: build, check and list them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ListOption = Annotated[Path, typer.Option("--list", help="The allow-list (policies.toml).")]


def _fault(text: object) -> NoReturn:
    typer.echo(f"policies: {text}", err=True)
    raise typer.Exit(2)


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder that the files are written to.")] = ARTIFACTS,
) -> None:
    """Build the schedules (TWAP, Almgren-Chriss, submit-and-leave) as ONNX files; the bytes never vary."""
    for name, make in SCHEDULES.items():
        raw = to_bytes(make())
        path = out / f"{name}.onnx"
        try:
            out.mkdir(parents=True, exist_ok=True)
            changed = not path.exists() or path.read_bytes() != raw
            path.write_bytes(raw)
        except OSError as error:
            _fault(f"{path}: cannot be written: {error.strerror}")
        state = "changed" if changed else "as before"
        digest = hashlib.sha256(raw).hexdigest()
        typer.echo(f'{path}: {len(raw)} bytes, {state}\n  name = "{name}"\n  sha256 = "{digest}"')


@app.command("dense")
def make_dense(
    sizes: Annotated[list[int], typer.Argument(min=1, max=1024, help="Hidden sizes, as 256 256.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
) -> None:
    """Write a random dense network that crosses where it may: for measuring speed, never for trading."""
    try:
        dense(sizes, out)
    except OSError as error:
        _fault(f"{out}: cannot be written: {error.strerror}")


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(help="ONNX files.")],
) -> None:
    """Check files by the router's rules and run each once, whether they are on the list or not."""
    for path in files:
        try:
            raw = path.read_bytes()
            metadata = check(path, raw)
            digest = hashlib.sha256(raw).hexdigest()
            entry = Listed(name="checked", file="checked.onnx", sha256=digest, strategy=1, temperature=0.0)
            load(path, {digest: entry})
        except OSError as error:
            _fault(f"{path}: cannot be read: {error.strerror}")
        except (PolicyError, SettingsError) as error:
            _fault(error)
        typer.echo(f"{path}: fits ({metadata['name']}, SHA-256 {digest})")


@app.command("list")
def list_policies(listed: ListOption = LIST) -> None:
    """Show the policies that may run and whether their files are as listed; exit status 2 if one is not."""
    try:
        settings = read_policies(listed)
    except SettingsError as error:
        _fault(error)
    allow = {entry.sha256: entry for entry in settings.policy}
    table = Table("policy", "strategy (847)", "temperature", "file", "SHA-256", "state")
    faults = []
    for entry in settings.policy:
        state = "ready"
        try:
            load(Path(settings.directory) / entry.file, allow, settings.provider)
        except (PolicyError, SettingsError) as error:
            faults.append(str(error))
            state = "refused"
        table.add_row(
            entry.name, str(entry.strategy), f"{entry.temperature:g}", entry.file, entry.sha256[:12], state
        )
    Console().print(table)
    if faults:
        _fault("; ".join(faults))


def main() -> None:
    """The console command."""
    app()
