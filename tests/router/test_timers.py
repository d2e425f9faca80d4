"""One deadline per key, soonest first."""

from hypothesis import given
from hypothesis import strategies as st

from router.timers import Timers


def test_a_key_has_one_deadline_and_setting_it_again_moves_it() -> None:
    timers = Timers()
    timers.set(("ack", "A"), 10)
    timers.set(("ack", "A"), 30)
    timers.set(("ack", "B"), 20)
    assert timers.next_ns() == 20
    assert timers.get(("ack", "A")) == 30
    timers.set(("ack", "B"), None)
    assert timers.next_ns() == 30


def test_nothing_is_due_before_its_time() -> None:
    timers = Timers()
    timers.set(("decide", "P1"), 100)
    assert timers.pop_due(99) is None
    assert timers.pop_due(100) == ("decide", "P1")
    assert timers.pop_due(100) is None
    assert timers.next_ns() is None


def test_an_empty_set_of_timers_has_no_deadline() -> None:
    assert Timers().next_ns() is None
    assert Timers().pop_due(10**18) is None


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.one_of(st.none(), st.integers(0, 50)))))
def test_agrees_with_a_dictionary(moves: list[tuple[str, int | None]]) -> None:
    timers, model = Timers(), {}
    for name, due in moves:
        timers.set(("t", name), due)
        model.pop(name, None)
        if due is not None:
            model[name] = due
        assert timers.next_ns() == min(model.values(), default=None)
    fired = []
    while (key := timers.pop_due(25)) is not None:
        fired.append(key[1])
    assert fired == [n for d, n in sorted((d, n) for n, d in model.items() if d <= 25)]
