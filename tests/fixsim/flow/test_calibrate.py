"""Calibration: what the model generated gives it back; what is missing is filled by the stated rule."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fixsim.flow.calibrate import (
    Calibration,
    CalibrationError,
    Plan,
    calibrate,
    intensities,
    invariant,
    occupancy,
    resting_law,
    typical_spread,
    work,
)
from fixsim.flow.counting import Counted
from fixsim.flow.model import Model, QueueEvent, load_model, save_model
from fixsim.flow.regimes import By, regimes
from fixsim.tape.frame import LobFrame
from fixsim.tape.importers import Request
from fixsim.tape.lobster import import_lobster
from fixsim.tape.reader import frame as frame_of
from tests.fixsim.flow.plain import PlainMarket, framed

MODEL = load_model()
PLAN = Plan(hours=3)


@pytest.fixture(scope="module")
def generated() -> tuple[LobFrame, np.ndarray]:
    """Five hours of the published model in plain Python, and its p_ref."""
    return framed(PlainMarket(MODEL, random.Random(12)), 5 * 3600)


@pytest.fixture(scope="module")
def recovered(generated: tuple[LobFrame, np.ndarray]) -> Calibration:
    frame, reference = generated
    return calibrate(frame, PLAN, reference=reference)


def standardised(result: Calibration, model: Model) -> np.ndarray:
    """In standard errors, of cells with events of their own; a full queue takes no limit order."""
    own = ~result.filled[:, :, 0]
    own[:, 0] = False
    z = (result.model.intensity - model.intensity) / np.where(result.error > 0, result.error, np.inf)
    z[:, -1, :, QueueEvent.LIMIT] = 0
    cells: np.ndarray = z[:, :, 0][own]
    return cells


def test_a_generated_market_gives_its_intensities_back_within_their_errors(recovered: Calibration) -> None:
    z = standardised(recovered, MODEL)
    assert len(z) > 80
    limits_and_cancels = z[:, : QueueEvent.MARKET].ravel()
    assert abs(limits_and_cancels.mean()) < 0.3
    assert 0.8 < limits_and_cancels.std() < 1.2
    assert np.abs(limits_and_cancels).max() < 5
    first = ~recovered.filled[0, :, 0]
    trades = (recovered.model.intensity - MODEL.intensity)[0, first, 0, QueueEvent.MARKET]
    assert (np.abs(trades) <= 5 * recovered.error[0, first, 0, QueueEvent.MARKET]).all()
    empty = recovered.model.intensity[0, 0, 0, 0]
    assert abs(empty - MODEL.intensity[0, 0, 0, 0]) < 4 * recovered.error[0, 0, 0, 0]


def test_and_its_event_sizes_distribution_and_price_moves(recovered: Calibration) -> None:
    assert recovered.model.unit_lots.tolist() == MODEL.unit_lots.tolist()
    assert recovered.width == 1
    assert not recovered.unstable
    assert recovered.counted.beyond == 0
    for level in range(3):
        assert np.abs(recovered.model.invariant[level] - MODEL.invariant[level]).sum() / 2 < 0.1
    thetas = recovered.thetas
    assert thetas is not None
    assert abs(thetas.theta - MODEL.theta) < 3 * thetas.theta_error
    assert abs(thetas.theta_reinit - MODEL.theta_reinit) < 3 * thetas.theta_reinit_error
    assert recovered.model.theta == thetas.theta


def test_an_inferred_p_ref_costs_the_empty_first_level_and_little_else(
    generated: tuple[LobFrame, np.ndarray],
) -> None:
    frame, _ = generated
    result = calibrate(frame, PLAN)
    assert result.model.intensity[0, 0, 0, 0] / MODEL.intensity[0, 0, 0, 0] < 0.85
    own = ~result.filled[:, :, 0]
    own[:, [0, -1]] = False
    ratio = (result.model.intensity / MODEL.intensity.clip(1e-9))[:, :, 0, :2]
    assert abs(np.median(ratio[own]) - 1) < 0.03
    assert np.median(np.abs(ratio[own] - 1)) < 0.1


def test_sides_can_be_kept_apart(generated: tuple[LobFrame, np.ndarray]) -> None:
    frame, reference = generated
    short = first(frame, len(frame) // 4)
    apart = calibrate(short, replace(PLAN, symmetric=False), reference=reference[: len(short)])
    assert not np.array_equal(apart.model.intensity[:, :, 0], apart.model.intensity[:, :, 1])
    together = calibrate(short, PLAN, reference=reference[: len(short)])
    assert np.array_equal(together.model.intensity[:, :, 0], together.model.intensity[:, :, 1])
    own = ~apart.filled[:, :, 0] & ~apart.filled[:, :, 1]
    wider = apart.error[own] / together.error[own].clip(1e-12)
    assert np.median(wider[:, :, 0]) == pytest.approx(np.sqrt(2), rel=0.1)  # half as many events


def first(frame: LobFrame, rows: int) -> LobFrame:
    columns = ("time_ns", "change", "side", "price", "quantity", "order_id", "px", "qty")
    return replace(frame, **{name: getattr(frame, name)[:rows] for name in columns})


def made(limit: list[int], cancel: list[int], seconds: list[float]) -> Counted:
    """One level, offers only; a size's events and time."""
    events = np.zeros((1, len(limit), 2, 3), np.int64)
    events[0, :, 1, 0], events[0, :, 1, 1] = limit, cancel
    time = np.zeros((1, len(limit), 2))
    time[0, :, 1] = seconds
    return Counted(events, time, np.ones((1, 2), np.int64), np.zeros((1, 2)), 0)


def test_a_rate_is_events_over_time_with_its_poisson_error() -> None:
    rate, error, filled = intensities(made([40, 60], [0, 90], [20, 30]), Plan(least=30))
    assert rate[0, :, 0].tolist() == [[2, 0, 0], [2, 3, 0]]
    assert error[0, 1, 0] == pytest.approx([np.sqrt(60) / 30, np.sqrt(90) / 30, 1 / 30])
    assert error[0, 0, 0, 1:].tolist() == [0, 0]
    assert not filled.any()


def test_a_cell_with_too_few_events_pools_its_neighbours_but_never_the_empty_queue() -> None:
    seen = made([500, 10, 40, 2, 0, 0], [0, 10, 40, 0, 0, 0], [10, 20, 20, 10, 0, 0])
    rate, error, filled = intensities(seen, Plan(least=30))
    assert filled[0, :, 0].tolist() == [False, True, False, True, True, True]
    assert rate[0, 0, 0].tolist() == [50, 0, 0]
    assert rate[0, 1, 0, :2] == pytest.approx([50 / 40, 50 / 40])  # sizes 1 and 2
    assert rate[0, 3, 0, :2] == pytest.approx([42 / 30, 40 / 30])  # 2 to 4
    assert rate[0, 5, 0, :2] == pytest.approx([42 / 30, 40 / 30])  # 2 to 5
    assert error[0, 3, 0, 0] == pytest.approx(np.sqrt(42) / 30)


def test_a_burst_that_takes_no_time_is_pooled_as_well() -> None:
    seen = made([100, 100, 900], [0, 100, 900], [50, 50, 0.001])
    rate, _, filled = intensities(seen, Plan(least=30, least_s=5))
    assert filled[0, :, 0].tolist() == [False, False, True]
    assert rate[0, 2, 0, 0] == pytest.approx(1000 / 50.001)


def test_an_empty_queue_that_was_hardly_seen_takes_its_neighbours_limit_orders() -> None:
    rate, _, filled = intensities(made([1, 100], [0, 90], [1, 50]), Plan())
    assert filled[0, 0, 0]
    assert rate[0, 0, 0] == pytest.approx([101 / 51, 0, 0])


def test_a_level_that_nothing_comes_to_or_leaves_is_refused_by_name() -> None:
    with pytest.raises(CalibrationError, match="level 1: nothing comes or nothing leaves in 50 s"):
        intensities(made([100, 100], [0, 0], [20, 30]), Plan())


def test_the_invariant_distribution_is_the_published_one_for_the_published_intensities() -> None:
    assert np.allclose(invariant(MODEL.intensity), MODEL.invariant, atol=1e-12)
    broken = MODEL.intensity.copy()
    broken[1, 4, :, 1:] = 0
    with pytest.raises(CalibrationError, match="level 2: nothing leaves a queue of 4"):
        invariant(broken)


def test_a_level_that_only_fills_up_has_what_was_seen_as_its_law() -> None:
    seen = made([60, 120, 120, 0, 0, 0], [0, 60, 60, 0, 0, 0], [20, 30, 50, 0, 0, 0])
    rate, _, filled = intensities(seen, Plan())
    law, unstable = resting_law(seen, rate, filled)
    assert unstable == (0,)
    assert law.tolist() == occupancy(seen).tolist() == [[0.2, 0.3, 0.5, 0, 0, 0]]


def small_frame(seconds: list[float], spread: int = 1) -> LobFrame:
    n = len(seconds)
    px = np.tile(np.array([[[1000, 999], [1000 + spread, 1001 + spread]]]), (n, 1, 1))
    return LobFrame(
        "X", 1, 1, (np.array(seconds) * 1e9).astype(np.int64), np.zeros(n, np.int8), np.ones(n, np.int8),
        np.full(n, 1000), np.full(n, 10), np.full(n, -1), px, np.full((n, 2, 2), 10),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "plan", "told"),
    [
        (small_frame([0.0]), Plan(), "X: 1 events over no time"),
        (small_frame([1.0, 1.0]), Plan(), "X: 2 events over no time"),
        (small_frame([0, 1]), Plan(width=0), "width = 0: must be at least 1 tick"),
        (small_frame([0, 1]), Plan(levels=0), "levels = 0: must be at least 1"),
        (small_frame([0, 1]), Plan(most=1), "most = 1: must be at least 2"),
        (small_frame([0, 1]), Plan(), "level 1: nothing comes or nothing leaves"),
        (replace(small_frame([0, 1]), px=np.zeros((2, 2, 2), np.int64)), Plan(), "never has two sides"),
    ],
)
def test_what_cannot_be_calibrated_from_is_refused(frame: LobFrame, plan: Plan, told: str) -> None:
    with pytest.raises(CalibrationError) as error:
        calibrate(frame, plan)
    assert told in str(error.value)


def test_the_typical_spread_is_its_median_over_time() -> None:
    frame = small_frame([0, 1, 5, 6], spread=3)
    frame.px[1, 1] += 8
    assert typical_spread(frame) == 11  # for four of six seconds
    assert typical_spread(small_frame([0, 1], spread=0)) == 1


def test_regimes_take_each_row_once() -> None:
    seconds = np.linspace(0, 1800, 2000)
    frame = small_frame(list(seconds))
    frame.px[(seconds > 600) & (np.arange(2000) % 2 == 0)] += 5
    for by in By:
        parts = regimes(frame, by, 3)
        assert np.array_equal(np.sum([chosen for _, chosen in parts], axis=0), np.ones(2000))
        assert [name for name, _ in parts] == [f"{by}{k}" for k in (1, 2, 3)]
    _, calm = regimes(frame, By.VOLATILITY, 3)[0]
    assert seconds[calm].max() < 600 + 120
    early = regimes(frame, By.TIME, 3)[0][1]
    assert seconds[early].max() < 660  # eleven of 31 minutes
    with pytest.raises(ValueError, match="31 minutes are too few for 16 regimes"):
        regimes(frame, By.TIME, 16)
    with pytest.raises(ValueError, match="parts = 1: must be at least 2"):
        regimes(frame, By.TIME, 1)


def test_a_regime_is_calibrated_from_its_own_events(generated: tuple[LobFrame, np.ndarray]) -> None:
    frame, reference = generated
    total = np.zeros((3, 51, 2, 3), np.int64)
    for _, chosen in regimes(frame, By.TIME, 2):
        total += calibrate(frame, replace(PLAN, hours=1), chosen=chosen, reference=reference).counted.events
    assert np.array_equal(total, calibrate(frame, replace(PLAN, hours=1), reference=reference).counted.events)


def test_progress_comes_to_what_was_announced(generated: tuple[LobFrame, np.ndarray], tmp_path: Path) -> None:
    frame, reference = generated
    short = first(frame, 30_000)
    told: list[int] = []
    result = calibrate(short, replace(PLAN, hours=1), reference=reference[:30_000], progress=told.append)
    assert sum(told) == work(short)
    save_model(result.model, tmp_path / "x.npz", result.evidence())
    assert np.array_equal(load_model(tmp_path / "x.npz").intensity, result.model.intensity)
    with np.load(tmp_path / "x.npz") as stored:
        assert np.array_equal(stored["evidence_error"], result.error)


def test_a_recorded_day_is_calibrated_and_says_that_its_price_does_not_move_as_the_model_s(
    shared_data: Path, tmp_path: Path
) -> None:
    day = shared_data / "lobster" / "GOOG_2012-06-21_34200000_57600000"
    message, book = (day.with_name(f"{day.name}_{what}_10.csv.xz") for what in ("message", "orderbook"))
    import_lobster(Request(files=(message, book), out=tmp_path))
    frame = frame_of(tmp_path)
    result = calibrate(frame, replace(PLAN, width=10))
    assert result.width == 10
    assert result.model.symbol == "GOOG"
    assert result.model.tick_nanos == 100_000_000
    counted = result.counted
    events = counted.events.sum() + counted.beyond
    assert 0.97 * np.isin(frame.change, (0, 1, 2)).sum() < events <= np.isin(frame.change, (0, 1, 2)).sum()
    seconds = (frame.time_ns[-1] - frame.time_ns[0]) / 1e9
    assert np.allclose(counted.exposure_s.sum(axis=1) + counted.hidden_s, seconds, rtol=1e-6)
    assert (counted.hidden_s / seconds < 0.06).all()
    assert (~result.filled[:, :10]).sum() > 50
    assert result.thetas is not None
    assert result.thetas.misfit > 10
    trades = result.model.intensity[:, 1:10, 0, QueueEvent.MARKET].mean(axis=1)
    assert trades[0] > 3 * trades[2]  # trades meet the first level


def test_a_tape_of_minutes_keeps_the_published_thetas(generated: tuple[LobFrame, np.ndarray]) -> None:
    frame, reference = generated
    short = first(frame, int(np.searchsorted(frame.time_ns, 400e9)))
    result = calibrate(short, replace(PLAN, levels=2), reference=reference[: len(short)])
    assert result.thetas is None
    assert (result.model.theta, result.model.theta_reinit) == (0.7, 0.85)
