"""Mutated messages of the desk and of venues to a whole engine: nothing that a peer says raises out of it."""

from __future__ import annotations

from random import Random

import pytest

from fixsim.fuzz.mutate import APPLICATION, SESSION, Mutator, fields_of
from router.fix.codec import Framer, Message
from router.fix.decimals import time_to_wire
from tests.router.rig import SYMBOL, Rig

INPUTS = 1_500


@pytest.mark.parametrize("seed", range(4))
def test_no_message_raises_out_of_the_engine(seed: int) -> None:
    random, rig = Random(seed), Rig()
    mutator, corpus = Mutator(random), [text.replace("55=S", f"55={SYMBOL}") for text in APPLICATION]
    rig.market()
    rig.parent()
    rig.deaf = set(range(len(rig.core.ports)))
    handled = 0
    for _ in range(INPUTS):
        index = random.randrange(len(rig.core.ports))
        port = rig.core.ports[index]
        config, session = port.session.config, port.session
        if index not in rig.linked:
            rig.engine.link(index, True, rig.now)
            rig.linked.add(index)
            rig.peers[index].connected(rig.now)  # it says nothing: what the engine hears is made here
        rig.now += random.choice((0, 1_000_000, 100_000_000))
        text = random.choice(SESSION if random.random() < 0.2 else corpus)
        seq = max(session.next_in + random.choice((0, 0, 0, 0, 0, 1, -1)), 0)
        ours, theirs = config.sender_comp_id, config.target_comp_id
        fields = fields_of(text, config.version, theirs, ours, seq, time_to_wire(rig.now))
        framer = Framer()
        framer.feed(mutator.message(config.begin_string.encode(), fields))
        while (message := framer.next()) is not None:
            if index in rig.linked and isinstance(message, Message):
                rig.engine.message(index, message, rig.now)
                handled += 1
        rig.flow()
    assert handled > INPUTS // 2
