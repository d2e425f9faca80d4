"""Fault scripts: what may be written, what it does, and that the same seed does it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.chance import Chance
from fixsim.faults import NEVER_NS, Fate, Faults, Meeting, Passage, Script, WireFate, load_script
from fixsim.faults.script import Do
from risk.errors import SettingsError

S = 1_000_000_000
PASSAGE = Passage("XLIT1", "SLUICE-OE", "out", "8")
ORDER = Meeting("XLIT1", "SLUICE-OE", "new", "buy", "BTC-USD", "ACCT1", 1000)


def script(*faults: dict[str, Any], seed: int = 7) -> Script:
    return Script.model_validate({"seed": seed, "fault": list(faults)})


def written(folder: Path, text: str) -> Path:
    path = folder / "faults.toml"
    path.write_text(text)
    return path


class TestScript:
    def test_reads_as_written_and_says_so_in_words(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            """
            seed = 11
            [[fault]]
            do = "delay"
            venue = "XLIT1"
            from = "30s"
            for = "20s"
            share = 0.25
            at_most = 3
            by = ["50ms", "0.9s"]
            orders = { side = "buy", at_least_lots = 1000 }
            [[fault]]
            do = "halt"
            from = "1m"
            for = "1500ms"
            """,
        )
        loaded = load_script(path)
        assert loaded.seed == 11
        first = loaded.fault[0]
        assert (first.from_ns, first.until_ns, first.by) == (30 * S, 50 * S, (S // 20, 9 * S // 10))
        assert loaded.describe() == [
            "from 30s for 20s, XLIT1: delay, by 50ms to 900ms, of side buy, at_least_lots 1000, 25% of them,"
            " at most 3 times",
            "from 1m for 1500ms, every venue: halt",
        ]

    @pytest.mark.parametrize(
        ("fault", "says"),
        [
            ('do = "explode"', "fault.0.do = 'explode'"),
            ('do = "delay"', 'do = "delay" needs by'),
            ('do = "lose"\nby = "1s"', 'do = "lose" does not take by'),
            ('do = "delay"\nby = "1 second"', "fault.0.by = '1 second': must be a number and one of ns, us"),
            ('do = "delay"\nby = ["2s", "1s"]', "the least comes first"),
            ('do = "delay"\nby = "25h"', "must be at most 24h"),
            ('do = "stale"', 'do = "stale" needs for'),
            ('do = "bust"\nfor = "1s"', "happens at one moment"),
            ('do = "crossed"\nfor = "1s"', "needs ticks"),
            ('do = "halt"\nticks = 1', "does not take ticks"),
            ('do = "halt"\nshare = 0.5', "is of a venue"),
            ('do = "cut"\norders = { side = "buy" }', "it takes wire, not orders"),
            ('do = "cut"\ntext = "no"', "it says nothing"),
            ('do = "lose"\nwire = { way = "in" }', "it does not take wire"),
            ('do = "half-open"\nshare = 0.5', "it does not take share, at_most or wire.types"),
            ('do = "slow-reader"', "needs bytes_per_s"),
            ('do = "sequence-gap"', "needs numbers"),
            ('do = "cut"\nnumbers = 3', "does not take numbers"),
            ('do = "cut"\nwire = { way = "up" }', "fault.0.wire.way = 'up'"),
            ('do = "cut"\nwire = { types = ["8=FIX"] }', "fault.0.wire.types.0 = '8=FIX'"),
            ('do = "lose"\nshare = 0', "fault.0.share = 0"),
            ('do = "lose"\nshar = 0.5', "did you mean share"),
            ('do = "lose"\norders = { sid = "buy" }', "fault.0.orders.sid is not a setting"),
        ],
    )
    def test_what_cannot_be_is_refused_with_field_and_rule(
        self, tmp_path: Path, fault: str, says: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            load_script(written(tmp_path, f"seed = 1\n[[fault]]\n{fault}\n"))
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_a_venue_that_is_not_there_is_refused(self) -> None:
        says = r"f\.toml: fault\.1\.venue = 'XLIT9': must be one of XDRK, XLIT1"
        with pytest.raises(ValueError, match=says):
            script({"do": "halt"}, {"do": "halt", "venue": "XLIT9"}).refuse_unknown(
                {"XLIT1", "XDRK"}, "f.toml"
            )


class TestRequests:
    def test_a_fault_meets_what_it_names_while_it_lasts(self) -> None:
        fault = {
            "do": "lose", "venue": "XLIT1", "from": "10s", "for": "5s",
            "orders": {"side": "buy", "request": "new", "at_least_lots": 1000, "at_most_lots": 2000},
        }  # fmt: skip
        faults = Faults(script(fault), start_ns=100 * S)
        assert not faults.request(ORDER, 110 * S - 1).lost
        assert faults.request(ORDER, 110 * S).lost
        assert faults.request(ORDER, 115 * S - 1).lost
        assert not faults.request(ORDER, 115 * S).lost
        others: list[dict[str, Any]] = [
            {"venue": "XLIT2"}, {"side": "sell"}, {"request": "cancel"}, {"qty_lots": 999},
            {"qty_lots": 2001},
        ]  # fmt: skip
        for other in others:
            assert not faults.request(ORDER._replace(**other), 112 * S).lost, other
        assert faults.counts() == [2]

    def test_delays_add_up_and_the_first_refusal_decides(self) -> None:
        faults = Faults(
            script(
                {"do": "delay", "by": "1s"},
                {"do": "delay", "by": "2s"},
                {"do": "reject", "text": "not today"},
                {"do": "lose"},
            )
        )
        fate = faults.request(ORDER, 0)
        assert (fate.delay_ns, fate.refused, fate.lost) == (3 * S, "not today", False)

    def test_at_most_bounds_how_often(self) -> None:
        faults = Faults(script({"do": "lose", "at_most": 2}))
        assert [faults.request(ORDER, k).lost for k in range(4)] == [True, True, False, False]

    def test_share_is_how_often_in_the_long_run(self) -> None:
        faults = Faults(script({"do": "lose", "share": 0.25}))
        lost = sum(faults.request(ORDER, k).lost for k in range(10_000))
        assert abs(lost - 2500) < 4 * (10_000 * 0.25 * 0.75) ** 0.5

    @given(st.integers(0, 2**63 - 1), st.floats(0.01, 1), st.integers(0, 10**9), st.integers(0, 10**9))
    def test_one_seed_does_it_again_and_draws_within_bounds(
        self, seed: int, share: float, one: int, other: int
    ) -> None:
        low, high = sorted((one, other))
        fault = {"do": "delay", "share": share, "by": [f"{low}ns", f"{high}ns"]}
        runs = [
            [f.request(ORDER, k).delay_ns for k in range(20)]
            for f in (Faults(script(fault, seed=seed)), Faults(script(fault, seed=seed)))
        ]
        assert runs[0] == runs[1]
        assert all(delay == 0 or low <= delay <= high for delay in runs[0])

    def test_a_fault_more_leaves_the_draws_of_the_others_alone(self) -> None:
        fault = {"do": "delay", "share": 0.5, "by": ["1ns", "1s"]}
        alone = Faults(script(fault))
        beside = Faults(script(fault, {"do": "lose", "venue": "XLIT2", "share": 0.5}))
        times = range(50)
        assert [alone.request(ORDER, k) for k in times] == [beside.request(ORDER, k) for k in times]


class TestReports:
    def test_lost_late_twice_and_passed(self) -> None:
        def fate(**fault: Any) -> tuple[object, ...]:
            return tuple(Faults(script(fault)).report(ORDER, 0))

        assert fate(do="lose-reports") == (0, True, None, None, None)
        assert fate(do="delay-reports", by="1s") == (S, False, None, None, None)
        assert fate(do="duplicate", by="2s") == (0, False, None, 2 * S, None)
        assert fate(do="reorder", by="3s") == (0, False, None, None, 3 * S)

    def test_requests_and_reports_are_told_apart(self) -> None:
        faults = Faults(script({"do": "lose"}, {"do": "duplicate", "by": "1s"}))
        assert faults.request(ORDER, 0).lost
        assert not faults.report(ORDER, 0).lost
        assert faults.counts() == [1, 1]


class TestActs:
    def test_come_in_order_of_time_then_of_the_file_each_once(self) -> None:
        faults = Faults(
            script(
                {"do": "halt", "from": "2s", "for": "3s", "venue": "XLIT1"},
                {"do": "auction", "from": "2s", "for": "1s"},
                {"do": "bust", "from": "1s"},
                {"do": "halt", "from": "9s"},
            ),
            start_ns=S,
        )
        seen = []
        while (due_ns := faults.deadline_ns()) is not None:
            seen += [(due_ns // S - 1, act.do.value, act.over) for act in faults.due(due_ns)]
        assert seen == [
            (1, "bust", False), (2, "halt", False), (2, "auction", False), (3, "auction", True),
            (5, "halt", True), (9, "halt", False),
        ]  # fmt: skip
        assert faults.due(10**12 * S) == []

    def test_an_act_on_orders_strikes_those_it_names_up_to_its_bound(self) -> None:
        faults = Faults(script({"do": "cancel", "from": "1s", "at_most": 1, "orders": {"side": "buy"}}))
        [act] = faults.due(S)
        assert not faults.strikes(act, ORDER._replace(side="sell"))
        assert faults.strikes(act, ORDER)
        assert not faults.strikes(act, ORDER)

    def test_market_data_is_held_until_the_last_end(self) -> None:
        faults = Faults(
            script(
                {"do": "stale", "venue": "XLIT1", "from": "1s", "for": "2s"},
                {"do": "stale", "from": "2s", "for": "5s"},
            )
        )
        assert faults.stale_until("XLIT1", S - 1) is None
        assert faults.stale_until("XLIT1", S) == 3 * S
        assert faults.stale_until("XLIT2", S) is None
        assert faults.stale_until("XLIT1", 2 * S) == 7 * S
        assert faults.stale_until("XLIT1", 7 * S) is None

    def test_every_kind_of_fault_is_a_request_a_report_a_passage_or_an_act(self) -> None:
        extra: dict[Do, dict[str, Any]] = {
            Do.CROSSED: {"for": "1s", "ticks": 1}, Do.CORRECT: {"ticks": 1}, Do.STALE: {"for": "1s"},
            Do.AUCTION: {"for": "1s"}, Do.DELAY: {"by": "1s"}, Do.DELAY_REPORTS: {"by": "1s"},
            Do.DUPLICATE: {"by": "1s"}, Do.REORDER: {"by": "1s"}, Do.WIRE_DELAY: {"by": "1s"},
            Do.WIRE_DUPLICATE: {"by": "1s"}, Do.WIRE_REORDER: {"by": "1s"}, Do.SEQUENCE_GAP: {"numbers": 1},
            Do.SLOW_READER: {"bytes_per_s": 1},
        }  # fmt: skip
        for do in Do:
            faults = Faults(script({"do": do.value, **extra.get(do, {})}))
            request, report = faults.request(ORDER, 0), faults.report(ORDER, 0)
            struck = [request != Fate(), report != Fate(), faults.carried(PASSAGE, 0) != WireFate()]
            assert sum(struck) + (faults.deadline_ns() is not None) == 1, do


class TestWire:
    def test_a_fault_meets_the_messages_that_it_names_while_it_lasts(self) -> None:
        wire = {"way": "out", "types": ["8", "9"], "client": "SLUICE-OE"}
        faults = Faults(
            script({"do": "wire-drop", "venue": "XLIT1", "from": "1s", "for": "1s", "wire": wire})
        )
        assert faults.carried(PASSAGE, S) == WireFate(lost=True)
        assert faults.carried(PASSAGE, S - 1) == WireFate() == faults.carried(PASSAGE, 2 * S)
        others: list[dict[str, str]] = [
            {"venue": "XLIT2"}, {"client": "SLUICE-MD"}, {"way": "in"}, {"msg_type": "0"},
        ]  # fmt: skip
        for other in others:
            assert faults.carried(PASSAGE._replace(**other), S) == WireFate(), other
        assert faults.counts() == [1]

    def test_several_at_once_add_up_and_what_is_lost_is_lost(self) -> None:
        late, gap = {"do": "wire-delay", "by": "1s"}, {"do": "sequence-gap", "numbers": 2}
        again = {"do": "wire-duplicate", "by": "2s"}
        both = Faults(script(late, late, gap, gap, again)).carried(PASSAGE, 0)
        assert both == WireFate(delay_ns=2 * S, skipped=4, again_ns=2 * S)
        assert Faults(script(late, {"do": "wire-drop"}, gap)).carried(PASSAGE, 0).lost
        assert Faults(script({"do": "cut"}, {"do": "wire-drop"})).carried(PASSAGE, 0).cut

    def test_only_one_at_a_time_waits_to_be_passed(self) -> None:
        faults = Faults(script({"do": "wire-reorder", "by": "1s"}))
        assert faults.carried(PASSAGE, 0).passed_ns == S
        assert faults.carried(PASSAGE, 0, passing=False) == WireFate()
        assert faults.counts() == [1]

    def test_half_open_lasts_as_long_as_it_says_and_the_slowest_rate_counts(self) -> None:
        faults = Faults(
            script(
                {"do": "half-open", "from": "1s", "for": "2s", "wire": {"way": "in"}},
                {"do": "half-open", "from": "10s"},
                {"do": "slow-reader", "bytes_per_s": 10}, {"do": "slow-reader", "bytes_per_s": 7},
                {"do": "slow-reader", "bytes_per_s": 1, "venue": "XLIT2"},
            )
        )  # fmt: skip
        inward = PASSAGE._replace(way="in")
        assert faults.dead_until(inward, S - 1) is None
        assert faults.dead_until(inward, S) == 3 * S
        assert faults.dead_until(PASSAGE, S) is None
        assert faults.dead_until(inward, 3 * S) is None
        assert faults.dead_until(PASSAGE, 10 * S) == NEVER_NS
        assert faults.bytes_per_s(PASSAGE, 0) == 7


class TestChance:
    def test_is_splitmix64(self) -> None:
        """First outputs of the reference implementation for seed 1234567, cut to 53 bits as we do."""
        chance = Chance(1234567)
        expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
        assert [chance.uniform() for _ in expected] == [((z >> 11) + 1) / (1 << 53) for z in expected]

    def test_streams_of_one_seed_differ(self) -> None:
        firsts = {Chance(5, *streams).uniform() for streams in [(), (0,), (1,), (0, 1), (1, 0)]}
        assert len(firsts) == 5

    @given(st.integers(0, 2**64 - 1), st.integers(1, 1000))
    def test_below_is_below(self, seed: int, n: int) -> None:
        chance = Chance(seed)
        assert all(0 <= chance.below(n) < n for _ in range(50))
