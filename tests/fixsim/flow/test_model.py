"""The model's file: what ships is what was published, and what contradicts itself is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixsim.flow.model import PUBLISHED, Model, ModelError, QueueEvent, from_published, load_model, save_model


def test_the_model_that_ships_has_its_notice_and_is_the_published_one(shared_data: Path) -> None:
    theirs = from_published(shared_data / "qr")
    ours = load_model()
    assert np.array_equal(ours.intensity, theirs.intensity)
    assert np.array_equal(ours.invariant, theirs.invariant)
    assert (shared_data / "qr" / "LICENSE").read_text().strip() in (PUBLISHED.parent / "NOTICE").read_text()


def test_the_settings_are_the_published_task_s() -> None:
    model = load_model()
    assert (model.levels, model.most, model.tick_nanos) == (3, 50, 10_000_000)
    assert (model.theta, model.theta_reinit) == (0.7, 0.85)
    assert model.unit_lots.tolist() == [836, 1068, 1069]
    assert not model.intensity.flags.writeable


def test_the_invariant_distribution_is_that_of_the_intensities() -> None:
    # Equation (7) of arXiv 2511.15262: births balance deaths between every two sizes.
    model = load_model()
    births = model.intensity[:, :-1, :, QueueEvent.LIMIT]
    deaths = model.intensity[:, 1:, :, QueueEvent.CANCEL] + model.intensity[:, 1:, :, QueueEvent.MARKET]
    for side in range(2):
        flow_up = model.invariant[:, :-1] * births[..., side]
        flow_down = model.invariant[:, 1:] * deaths[..., side]
        assert np.allclose(flow_up, flow_down, rtol=1e-9, atol=0)


def test_a_saved_model_comes_back_and_its_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    model = replace(load_model(), symbol="ELSE", theta=0.25)
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    save_model(model, first)
    save_model(load_model(first), second)
    assert first.read_bytes() == second.read_bytes()
    again = load_model(second)
    assert (again.symbol, again.theta, again.source) == ("ELSE", 0.25, model.source)


def changed(array: str, place: tuple[int, ...], value: float) -> dict[str, Any]:
    values = getattr(load_model(), array).copy()
    values[place] = value
    return {array: values}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed("intensity", (1, 7, 0, 2), -0.5), "intensity[1, 7, 0, 2] = -0.5: must be finite and not"),
        (changed("intensity", (0, 0, 1, 0), np.nan), "intensity[0, 0, 1, 0] = nan: must be finite"),
        (changed("invariant", (2, 3), 0.5), "invariant[2]: sums to"),
        (changed("unit_lots", (1,), 0), "unit_lots[1] = 0: must be above zero"),
        ({"intensity": np.zeros((3, 51, 2))}, "must be [levels, sizes, 2, 3]"),
        ({"intensity": np.zeros((11, 51, 2, 3))}, "11 levels: must be 1 to 10"),
        ({"intensity": np.zeros((3, 1, 2, 3))}, "1 sizes: must be 2 to"),
        ({"invariant": np.ones((3, 4)) / 4}, "invariant: shape (3, 4): must be (3, 51)"),
        ({"unit_lots": np.ones(2, np.int64)}, "unit_lots: shape (2,): must be (3,)"),
        ({"tick_nanos": 0}, "tick_nanos = 0: must be above zero"),
        ({"theta": 1.5}, "theta = 1.5: must be 0 to 1"),
        ({"theta_reinit": float("nan")}, "theta_reinit = nan: must be 0 to 1"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError) as error:
        replace(load_model(), **change)
    assert told in str(error.value)


def write(path: Path, **fields: Any) -> Path:
    with path.open("wb") as file:
        np.savez(file, **fields)
    return path


def whole() -> dict[str, Any]:
    names = (
        "intensity",
        "invariant",
        "unit_lots",
        "tick_nanos",
        "theta",
        "theta_reinit",
        "symbol",
        "source",
    )
    return {name: getattr(load_model(), name) for name in names}


def test_a_file_that_is_no_model_is_refused_with_its_name(tmp_path: Path) -> None:
    cases: list[tuple[Path, str]] = [(tmp_path / "none.npz", "cannot be read: No such file")]
    text = tmp_path / "text.npz"
    text.write_text("intensity: 3\n")
    cases.append((text, "not an npz file of plain arrays"))
    (tmp_path / "empty.npz").write_bytes(b"")
    cases.append((tmp_path / "empty.npz", "not an npz file of plain arrays"))
    (tmp_path / "cut.npz").write_bytes(PUBLISHED.read_bytes()[:2000])
    cases.append((tmp_path / "cut.npz", "not an npz file of plain arrays"))
    damaged = bytearray(PUBLISHED.read_bytes())
    damaged[1000:1010] = bytes(10)
    (tmp_path / "damaged.npz").write_bytes(bytes(damaged))
    cases.append((tmp_path / "damaged.npz", "not an npz file of plain arrays"))
    with (tmp_path / "lone.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    cases.append((tmp_path / "lone.npz", "not an npz file of plain arrays"))
    less = {name: value for name, value in whole().items() if name != "theta"}
    cases.append((write(tmp_path / "less.npz", **less), "theta is missing: not a queue-reactive model"))
    words = whole() | {"theta": "most of the time"}
    cases.append((write(tmp_path / "words.npz", **words), "theta: must be one number"))
    number = whole() | {"symbol": 7}
    cases.append((write(tmp_path / "number.npz", **number), "symbol: must be one text"))
    lots = whole() | {"unit_lots": np.array([1.5, 2, 3])}
    cases.append((write(tmp_path / "lots.npz", **lots), "unit_lots: must hold whole numbers, holds float64"))
    wrong = whole() | {"theta": 2.0}
    cases.append((write(tmp_path / "wrong.npz", **wrong), "theta = 2.0: must be 0 to 1"))
    for path, told in cases:
        with pytest.raises(ModelError) as error:
            load_model(path)
        assert str(error.value).startswith(f"{path}: "), path
        assert told in str(error.value)


def test_the_authors_arrays_are_looked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"intensity_table\.npy: cannot be read"):
        from_published(tmp_path)
    (tmp_path / "intensity_table.npy").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"intensity_table\.npy: not a plain npy file"):
        from_published(tmp_path)


def test_the_source_is_named() -> None:
    model: Model = load_model()
    assert "2511.15262" in model.source
