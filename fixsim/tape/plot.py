"""The picture of a tape: what rests at which price and when, with the midpoint and the trades. As PNG.

What is drawn is a Raster, so that no picture grows with its tape; plot_html draws the same with the same
words and colours. Depth is a sequence from light to dark on a log scale (ordered in grey too); aggressors
differ in shape as well as in colour (Okabe and Ito's orange, and a violet that stays apart from it for every
kind of sight).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.raster import Raster
from fixsim.tape.units import NANOS

INK: Final = "#1d2733"
MUTED: Final = "#6b7785"
RULE: Final = "#dfe4ea"
GROUND: Final = "#ffffff"
BUY: Final = "#e69f00"
SELL: Final = "#9a2ca0"
GAP: Final = "#d55e00"
DEPTHS: Final = ("#f3f6fa", "#c9dcec", "#93bfdc", "#5096c4", "#2467a0", "#123f73", "#0a2140")
"""Depth, from least to most."""
FONT: Final = "DejaVu Sans"
SIDES: Final = ((1, BUY, "^", "buyer"), (-1, SELL, "v", "seller"))
BARS: Final = 300
_STEPS_NS: Final = [
    *(digit * 10**zeros * 1_000_000 for zeros in range(3) for digit in (1, 2, 5)),
    *(seconds * NANOS for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60 * NANOS for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)),
]
SMALLEST, LARGEST = 8.0, 150.0
"""Area of a trade's mark in square points."""


def title(raster: Raster) -> str:
    """Venue, symbol, and the UTC day or days."""
    start, end = moment(raster.edges_ns[0]), moment(raster.edges_ns[-1])
    name = raster.symbol if raster.venue == "-" else f"{raster.symbol} at {raster.venue}"
    until = f"{end:%H:%M:%S}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{name}, {start:%Y-%m-%d %H:%M:%S} to {until} UTC"


def subtitle(raster: Raster) -> str:
    """What a cell is, and a mark."""
    wide = (raster.edges_ns[-1] - raster.edges_ns[0]) / len(raster.depth[0]) / NANOS
    step = raster.units.price(raster.bin_nanos)
    return (
        f"Resting quantity by price: a cell is {wide:.3g} s (the book at its end)"
        f" by {step} {raster.units.quote}. Marks: the largest trades, neighbours in one, area by quantity"
    )


def log_depth(raster: Raster) -> tuple[NDArray[np.float64], float, float]:
    """[H, W] log10 of units (nan: nothing), and the range of colours: all but the outermost hundredths."""
    units = raster.depth / raster.units.lots_per_unit
    with np.errstate(divide="ignore"):
        logs = np.where(units > 0, np.log10(units), np.nan)
    some = logs[~np.isnan(logs)]
    if not len(some):
        return logs, 0.0, 1.0
    low, high = (float(value) for value in np.quantile(some, [0.02, 0.995]))
    return logs, low, high if high > low else low + 1.0


def write_png(raster: Raster, path: Path, dpi: int = 110) -> None:
    """1540 x 880 pixels at 110 dpi."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.patheffects import Normal, Stroke

    style: dict[Any, Any] = {
        "font.family": FONT,
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": RULE,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(14, 8), dpi=dpi, facecolor=GROUND)
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            2, 2, height_ratios=(6, 1), width_ratios=(60, 1), hspace=0.06, wspace=0.03,
            left=0.075, right=0.925, top=0.885, bottom=0.075,
        )  # fmt: skip
        book, volume = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
        volume.sharex(book)
        logs, least, most = log_depth(raster)
        times = _days(raster.edges_ns)
        low, high = raster.low_nanos / NANOS, raster.high_nanos / NANOS
        colours = LinearSegmentedColormap.from_list("depth", DEPTHS)
        image = book.imshow(
            logs,
            cmap=colours,
            vmin=least,
            vmax=most,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(times[0], times[-1], low, high),
            zorder=1,
        )
        mid = raster.mid / NANOS
        (line,) = book.step(times[1:], mid, where="mid", color=INK, lw=1.0, label="midpoint", zorder=3)
        line.set_path_effects([Stroke(linewidth=2.6, foreground=GROUND, alpha=0.85), Normal()])
        largest = float(raster.marks["lots"].max()) if len(raster.marks) else 1.0
        for sign, colour, shape, who in SIDES:
            marks = raster.marks[raster.marks["sign"] == sign]
            book.scatter(
                _days(marks["time_ns"]),
                marks["price"] / NANOS,
                s=SMALLEST + (LARGEST - SMALLEST) * marks["lots"] / largest,
                marker=shape,
                facecolor=colour,
                edgecolor="white",
                linewidth=0.5,
                label=f"trades, {who} the aggressor",
                zorder=4,
            )
        _draw_gaps(book, raster)
        _axes(figure, book, volume, raster, image, figure.add_subplot(grid[0, 1]))
        _volumes(volume, raster, times)
        figure.savefig(path, facecolor=GROUND, metadata={"Software": None})


def _axes(figure: Any, book: Any, volume: Any, raster: Raster, image: Any, bar_at: Any) -> None:
    from matplotlib.ticker import StrMethodFormatter

    units = raster.units
    figure.text(0.075, 0.962, title(raster), fontsize=15, fontweight="bold")
    figure.text(0.075, 0.935, subtitle(raster), fontsize=9.5, color=MUTED)
    book.set_ylabel(f"Price ({price_unit(raster)})")
    book.yaxis.set_major_formatter(StrMethodFormatter("{x:,.2f}"))
    book.tick_params(labelbottom=False, length=0)
    book.set_ylim(raster.low_nanos / NANOS, raster.high_nanos / NANOS)
    book.set_xlim(*_days(raster.edges_ns[[0, -1]]))
    book.set_facecolor(GROUND)
    handles, labels = book.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0.069, 0.932), ncols=5,
        frameon=False, fontsize=9.5, handletextpad=0.4, columnspacing=1.6,
    )  # fmt: skip
    for handle, label in zip(legend.legend_handles, labels, strict=True):
        if label.startswith("trades"):
            handle.set_sizes([45.0])
    bar = figure.colorbar(image, cax=bar_at)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_label(f"Resting quantity in a cell ({units.base}, log scale)")
    _, least, most = log_depth(raster)
    ticks = depth_ticks(least, most)
    bar.set_ticks([at for at, _ in ticks], labels=[text for _, text in ticks])
    places, words = time_ticks(int(raster.edges_ns[0]), int(raster.edges_ns[-1]))
    volume.set_xticks(_days(np.array(places, np.int64)), labels=words)
    volume.set_xlabel("Time (UTC)")


def traded(raster: Raster) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Starts [B] in ns of bars a few pixels wide, [2, B] units traded in each: buyers; sellers below 0."""
    columns = raster.volume.shape[1]
    firsts = np.unique(np.linspace(0, columns, min(BARS, columns) + 1).astype(np.int64)[:-1])
    units = np.add.reduceat(raster.volume, firsts, axis=1) / raster.units.lots_per_unit
    return raster.edges_ns[firsts], units * np.array([[1.0], [-1.0]])


def _volumes(axes: Any, raster: Raster, times: NDArray[np.float64]) -> None:
    """Bars of what was traded, buyers up and sellers down."""
    starts, volume = traded(raster)
    width = (times[-1] - times[0]) / len(starts)
    for row, colour in ((0, BUY), (1, SELL)):
        axes.bar(_days(starts), volume[row], width, align="edge", color=colour)
    axes.axhline(0, color=RULE, lw=0.8)
    axes.set_ylabel(f"Traded\n({raster.units.base})")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,g}")
    axes.yaxis.get_major_locator().set_params(nbins=4)
    axes.tick_params(length=0)


def _draw_gaps(axes: Any, raster: Raster) -> None:
    for i, when in enumerate(_days(raster.gaps_ns[:1000])):
        axes.axvline(
            when, color=GAP, lw=0.9, ls=(0, (2, 2)), zorder=2, label=None if i else "gap in the source"
        )


def time_ticks(start_ns: int, end_ns: int) -> tuple[list[int], list[str]]:
    """At most eleven round times, and how they are said; the first of a day with its date."""
    step = next((s for s in _STEPS_NS if (end_ns - start_ns) // s <= 10), -(-(end_ns - start_ns) // 10))
    places = list(range(-(-start_ns // step) * step, end_ns + 1, step))
    words, day = [], moment(start_ns).date()
    for place in places:
        at = moment(place)
        said = f"{at:%H:%M}" if step >= 60 * NANOS else f"{at:%H:%M:%S}"
        said += f".{place % NANOS // 1_000_000:03d}" if step < NANOS else ""
        words.append(said if at.date() == day else f"{said}\n{at:%Y-%m-%d}")
        day = at.date()
    return places, words


def depth_ticks(least: float, most: float) -> list[tuple[float, str]]:
    """Places on the log scale, and the quantities there: 1, 2 and 5 of each decade, thinned to a few."""
    places = [
        (np.log10(digit) + decade, digit, decade)
        for decade in range(int(np.floor(least)), int(np.ceil(most)) + 1)
        for digit in (1, 2, 5)
    ]
    inside = [place for place in places if least <= place[0] <= most]
    if len(inside) > 9:
        inside = [place for place in inside if place[1] == 1]
    return [(float(at), f"{digit * 10.0**decade:,g}") for at, digit, decade in inside]


def price_unit(raster: Raster) -> str:
    """USD per BTC."""
    units = raster.units
    base = {"shares": "share", "contracts": "", "units": "unit"}.get(units.base, units.base)
    return f"{units.quote} per {base}" if base else units.quote


def moment(ns: int) -> datetime:
    """To the microsecond."""
    return datetime.fromtimestamp(int(ns) / NANOS, UTC)


def _days(ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """matplotlib's dates: days since 1970."""
    return np.asarray(ns, np.float64) / (86_400 * NANOS)
