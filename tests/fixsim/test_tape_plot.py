"""The picture's numbers are the tape's, and the files hold them: sizes, words, nothing from elsewhere."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fixsim.tape import SHIPPED, TapeError
from fixsim.tape.cli import app
from fixsim.tape.opened import open_any
from fixsim.tape.plot import depth_ticks, log_depth, subtitle, time_ticks, title, traded, write_png
from fixsim.tape.plot_html import write_html
from fixsim.tape.raster import Raster, rasterise
from tests.fixsim.made_tape import CENT, Pieces, S, at, write_tape


@pytest.fixture
def drawn(tmp_path: Path) -> Raster:
    """Ten columns of 10 s."""
    return rasterise(write_tape(tmp_path), columns=10, bins=100)


def depth_at(raster: Raster, cents: int, column: int) -> float:
    row = (cents * CENT - raster.low_nanos) // raster.bin_nanos
    return float(raster.depth[row, column])


def test_a_column_is_the_book_at_its_end(drawn: Raster) -> None:
    assert drawn.edges_ns.tolist() == [at(10 * i) for i in range(11)]
    assert drawn.bin_nanos == CENT
    assert [depth_at(drawn, 10000, column) for column in range(5)] == [0, 40, 40, 0, 0]
    assert [depth_at(drawn, 9990, column) for column in range(10)] == [100] * 9 + [0]
    assert [depth_at(drawn, 10010, column) for column in (0, 6, 8, 9)] == [300, 306, 300, 200]


def test_the_midpoint_is_not_drawn_where_the_book_is_crossed_or_one_sided(drawn: Raster) -> None:
    cents = drawn.mid / CENT
    assert np.isnan(cents).tolist() == [False] * 5 + [True] + [False] * 3 + [True]
    assert cents[:5].tolist() == [10000, 9995, 9995, 10000, 10000]
    assert cents[6] == 10010  # locked


def test_every_trade_is_in_the_volume_hidden_ones_too(drawn: Raster) -> None:
    assert drawn.volume[0].tolist() == [0, 0, 0, 40, 0, 0, 0, 0, 0, 7]
    assert drawn.volume[1].tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 100]
    assert [(m["time_ns"], m["price"], m["lots"], m["sign"]) for m in drawn.marks] == [
        (at(30), 10000 * CENT, 40, 1),
        (at(95), 9990 * CENT, 100, -1),
        (at(100), 10005 * CENT, 7, 1),
    ]
    assert drawn.gaps_ns.tolist() == [at(90)]


def test_prices_share_a_bin_where_there_are_more_than_bins(tmp_path: Path, drawn: Raster) -> None:
    coarse = rasterise(write_tape(tmp_path / "again"), columns=10, bins=12)
    assert len(coarse.depth) <= 12
    assert coarse.bin_nanos > CENT
    assert coarse.low_nanos == drawn.low_nanos
    assert coarse.high_nanos >= drawn.high_nanos
    assert coarse.depth[1, 1] == sum(
        drawn.depth[i, 1] for i in range(coarse.bin_nanos // CENT, 2 * coarse.bin_nanos // CENT)
    )


@pytest.mark.parametrize("size", [1, 4])
def test_it_does_not_matter_in_what_pieces_a_tape_is_read(tmp_path: Path, drawn: Raster, size: int) -> None:
    again = rasterise(Pieces(write_tape(tmp_path / "again"), size), columns=10, bins=100)
    for name in ("depth", "touch", "volume", "edges_ns", "gaps_ns"):
        np.testing.assert_array_equal(getattr(again, name), getattr(drawn, name))
    assert again.marks.tolist() == drawn.marks.tolist()


def test_a_stretch_begins_with_the_book_that_was_there(tmp_path: Path) -> None:
    part = rasterise(write_tape(tmp_path), at(35), at(45), columns=4)
    assert part.edges_ns[[0, -1]].tolist() == [at(35), at(45)]
    assert depth_at(part, 9990, 0) == 100
    assert part.volume.sum() == 0
    assert len(part.marks) == len(part.gaps_ns) == 0


def test_where_there_is_nothing_the_stretch_is_named(tmp_path: Path) -> None:
    tape = write_tape(tmp_path)
    for from_ns, to_ns in ((at(200), None), (None, at(-5)), (at(50), at(40))):
        with pytest.raises(TapeError, match="there is nothing; the tape goes from 2012-06-21 13:30:00"):
            rasterise(tape, from_ns, to_ns)


def test_the_shipped_tapes_volume_is_whole() -> None:
    tape = open_any(SHIPPED)
    raster = rasterise(tape, columns=64)
    assert raster.volume.sum() == 5_237_848_097
    assert raster.marks["lots"].sum() <= raster.volume.sum()
    assert raster.low_nanos % tape.meta.tick_nanos == raster.bin_nanos % tape.meta.tick_nanos == 0
    _, bars = traded(raster)
    assert bars[0].sum() - bars[1].sum() == pytest.approx(52.37848097)


def test_the_scale_leaves_out_the_outermost_and_names_round_quantities(drawn: Raster) -> None:
    logs, least, most = log_depth(drawn)
    assert np.isnan(logs[drawn.depth == 0]).all()
    assert logs[drawn.depth == 100] == pytest.approx(2)
    assert 0 < least < most <= np.log10(306)
    assert depth_ticks(0.5, 2.1) == [
        (pytest.approx(np.log10(5)), "5"),
        (1.0, "10"),
        (pytest.approx(np.log10(20)), "20"),
        (pytest.approx(np.log10(50)), "50"),
        (2.0, "100"),
    ]
    assert [text for _, text in depth_ticks(-3, 3)] == ["0.001", "0.01", "0.1", "1", "10", "100", "1,000"]


def test_times_are_round_few_and_dated_where_the_day_turns() -> None:
    assert time_ticks(at(0), at(60))[1][:3] == ["13:30:00", "13:30:10", "13:30:20"]
    assert time_ticks(at(0), at(0.01))[1][:2] == ["13:30:00.000", "13:30:00.001"]
    places, words = time_ticks(at(10 * 3600), at(11 * 3600))
    assert words == ["23:30", "23:40", "23:50", "00:00\n2012-06-22", "00:10", "00:20", "00:30"]
    assert places[3] == at(10.5 * 3600)
    for seconds in (0.0001, 0.3, 7, 324, 580, 5000, 86_400, 3e6):
        places, words = time_ticks(at(0), at(seconds))
        assert len(places) == len(words) <= 11
        assert all(at(0) <= place <= at(seconds) for place in places)


def test_the_words_say_what_is_drawn(drawn: Raster) -> None:
    assert title(drawn) == "ABC at XTST, 2012-06-21 13:30:00 to 13:31:40 UTC"
    assert "a cell is 10 s (the book at its end) by 0.01 USD" in subtitle(drawn)


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_a_png_has_its_size_and_is_the_same_each_time(tmp_path: Path, drawn: Raster) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    write_png(drawn, first)
    write_png(drawn, second)
    assert png_size(first) == (1540, 880)
    assert first.read_bytes() == second.read_bytes()


def test_an_empty_side_and_no_trade_can_be_drawn(tmp_path: Path) -> None:
    raster = rasterise(write_tape(tmp_path, gap=False), at(95), at(99), columns=5)
    for write, name in ((write_png, "a.png"), (write_html, "a.html")):
        write(raster, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 0


def test_a_page_needs_nothing_from_elsewhere_and_is_bounded(tmp_path: Path, drawn: Raster) -> None:
    write_html(drawn, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<title>ABC at XTST, 2012-06-21 13:30:00 to 13:31:40 UTC</title>" in page
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)
    for said in (
        "Price (USD per share)",
        "Time (UTC)",
        "Resting quantity in a cell (shares, log scale)",
        "1 gap",
    ):
        assert said in page, said


def test_the_full_pictures_of_the_shipped_tape_are_bounded(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["plot", "--out", str(tmp_path / "new" / "folder")])
    assert said.exit_code == 0
    png, html = (Path(line) for line in said.stdout.split())
    assert png.name == "BTC-USD_20180713T204711Z.png"
    assert png_size(png) == (1540, 880)
    assert png.stat().st_size < 400_000
    assert html.stat().st_size < 10_000_000


def test_the_command_takes_a_stretch_and_refuses_what_is_no_time(tmp_path: Path) -> None:
    folder = write_tape(tmp_path).folder
    run = ["plot", str(folder), "--out", str(tmp_path)]
    said = CliRunner().invoke(
        app, [*run, "--from", "13:30:20", "--to", "2012-06-21T13:31:00", "--levels", "2"]
    )
    assert said.exit_code == 0
    assert (tmp_path / "XTST_ABC_20120621T133020Z.png").is_file()
    with pytest.raises(TapeError, match=r"--from = '25:00': must be a time like"):
        CliRunner().invoke(app, [*run, "--from", "25:00"], catch_exceptions=False)


def test_the_picture_in_the_documents_is_small(repository: Path) -> None:
    picture = repository / "docs" / "tape-coinbase.png"
    assert png_size(picture) == (1540, 880)
    assert picture.stat().st_size < 400_000
    assert (at(1) - at(0)) == S
