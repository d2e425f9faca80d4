"""A made-up day as LOBSTER would tell it: a whole book that nobody sees, and the window that is written."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

MESSAGE = "ABC_2012-06-21_34200000_57600000_message_{levels}.csv"
ORDERBOOK = "ABC_2012-06-21_34200000_57600000_orderbook_{levels}.csv"


@dataclass(slots=True)
class Day:
    """Lines of the two files."""

    levels: int
    messages: list[str] = field(default_factory=list)
    books: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Both files, under the names that LOBSTER gives them."""
        folder.mkdir(exist_ok=True)
        paths = folder / MESSAGE.format(levels=self.levels), folder / ORDERBOOK.format(levels=self.levels)
        for path, lines in zip(paths, (self.messages, self.books), strict=True):
            path.write_text("".join(line + "\n" for line in lines))
        return paths


class _Venue:
    """The whole book."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}  # sign, price, left

    def side(self, sign: int) -> list[tuple[int, int]]:
        totals: dict[int, int] = {}
        for s, price, left in self.orders.values():
            if s == sign:
                totals[price] = totals.get(price, 0) + left
        return sorted(totals.items(), key=lambda level: -sign * level[0])

    def window(self, levels: int) -> dict[int, list[tuple[int, int]]]:
        return {sign: self.side(sign)[:levels] for sign in (1, -1)}


def made_up_day(messages: int, levels: int, seed: int) -> Day:
    """Adds, partial and whole cancels, executions, visible and hidden, a cross, and a halt in the middle."""
    dice, venue, day = random.Random(seed), _Venue(), Day(levels)
    number, ns = 100, 34_200 * 10**9
    for sign in (1, -1):
        for step in range(levels + 3):  # levels beyond the window from the start
            venue.orders[number] = (sign, 1_000_000 - sign * 100 * (1 + step), dice.randint(1, 300))
            number += 1
    while len(day.messages) < messages:
        ns += dice.randint(0, 2_000_000)
        before = venue.window(levels)
        if len(day.messages) == messages // 2:
            said = dice.choice(["7,0,0,-1,-1", "6,0,50,1000000,1", f"5,0,{dice.randint(1, 9)},1000050,1"])
            _tell(day, venue, ns, said)
            continue
        sign = dice.choice((1, -1))
        own = [key for key, order in venue.orders.items() if order[0] == sign]
        if len(own) < 2 * levels or dice.random() < 0.45:
            best = venue.side(sign)[0][0]
            other = venue.side(-sign)[0][0]
            price = best - sign * 100 * dice.randint(-2, levels + 2)
            price = price if sign * (other - price) > 0 else best
            said = (1, number, dice.randint(1, 300), price)
            venue.orders[number] = (sign, price, said[2])
            number += 1
        elif dice.random() < 0.2:
            best = venue.side(sign)[0][0]
            key = next(key for key in own if venue.orders[key][1] == best)
            said = _take(venue, key, dice.randint(1, venue.orders[key][2]), 4)
        elif dice.random() < 0.2:
            key = dice.choice(own)
            said = _take(venue, key, max(1, venue.orders[key][2] // 2), 2)
        else:
            key = dice.choice(own)
            said = _take(venue, key, venue.orders[key][2], 3)
        if before[sign] != venue.window(levels)[sign]:  # only what changes the window is told
            _tell(day, venue, ns, f"{said[0]},{said[1]},{said[2]},{said[3]},{sign}")
    return day


def _take(venue: _Venue, key: int, size: int, kind: int) -> tuple[int, int, int, int]:
    sign, price, left = venue.orders[key]
    if size == left:
        kind = 3 if kind == 2 else kind
        del venue.orders[key]
    else:
        venue.orders[key] = (sign, price, left - size)
    return kind, key, size, price


def _tell(day: Day, venue: _Venue, ns: int, said: str) -> None:
    day.messages.append(f"{ns // 10**9}.{ns % 10**9:09d}".rstrip("0").rstrip(".") + f",{said}")
    window = venue.window(day.levels)
    shown = []
    for level in range(day.levels):
        for sign, none in ((-1, 9_999_999_999), (1, -9_999_999_999)):
            price, size = window[sign][level] if level < len(window[sign]) else (none, 0)
            shown += [price, size]
    day.books.append(",".join(map(str, shown)))
