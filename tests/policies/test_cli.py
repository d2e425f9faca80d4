"""What the `policies` command says, and how it says no: one line, exit status 2, no traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

from typer.testing import CliRunner, Result

from policies.cli import app


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    return str(lines[0])


def test_build_writes_the_shipped_bytes(tmp_path: Path, repository: Path) -> None:
    result = run("build", "--out", tmp_path)
    assert result.exit_code == 0
    assert result.stdout.count("changed") == 3
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (repository / "policies" / "artifacts" / path.name).read_bytes()
    assert "as before" in run("build", "--out", tmp_path).stdout


def test_build_names_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file" in refused(run("build", "--out", tmp_path / "file"))


def test_check_accepts_what_fits_and_names_what_does_not(tmp_path: Path, repository: Path) -> None:
    good = repository / "policies" / "artifacts" / "twap.onnx"
    assert "fits (twap, SHA-256" in run("check", good).stdout
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a model")
    assert f"{bad}: not an ONNX file" in refused(run("check", good, bad))
    assert "cannot be read" in refused(run("check", tmp_path / "absent.onnx"))


def test_list_shows_the_policies_and_finds_a_changed_file(tmp_path: Path, repository: Path) -> None:
    listed = repository / "etc" / "policies.toml"
    result = run("list", "--list", listed)
    assert result.exit_code == 0
    assert result.stdout.count("ready") == 3

    shutil.copytree(repository / "policies" / "artifacts", tmp_path / "artifacts")
    text = listed.read_text().replace("../policies/artifacts", "artifacts")
    (tmp_path / "policies.toml").write_text(text)
    with (tmp_path / "artifacts" / "twap.onnx").open("ab") as file:
        file.write(b"\0")
    said = refused(run("list", "--list", tmp_path / "policies.toml"))
    assert "twap.onnx: SHA-256" in said
    assert "is not on the list" in said


def test_a_fault_in_the_list_is_named(tmp_path: Path, repository: Path) -> None:
    path = tmp_path / "policies.toml"
    text = (repository / "etc" / "policies.toml").read_text()
    for old, new, expected in [
        ("strategy = 1002", "strategy = 1001", "policy.strategy 1001 is listed twice"),
        ("temperature = 0.0", "temperature = -1.0", "temperature"),
        ('provider = "cpu"', 'provider = "gpu"', "provider"),
        ("directory =", "directry =", "directry is not a setting (did you mean directory?)"),
        ('sha256 = "', 'sha256 = "Z', "sha256"),
    ]:
        path.write_text(text.replace(old, new))
        said = refused(run("list", "--list", path))
        assert str(path) in said
        assert expected in said
