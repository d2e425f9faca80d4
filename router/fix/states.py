"""The life of a session as tables: what may happen in which state. What is not listed does not exist.

    DISCONNECTED ──connected──▶ LOGON_SENT (initiator)  ─┐
                 ──connected──▶ AWAITING_LOGON (acceptor)─┴─logged on──▶ ACTIVE ◀──gap / filled──▶ RECOVERING
    ACTIVE, RECOVERING ──we log out──▶ LOGOUT_SENT ──answered──▶ CLOSING
                       ──peer logs out, answered──▶ LOGOUT_RECEIVED ──peer closes──▶ DISCONNECTED
    ACTIVE ──we ask for new numbers──▶ RESETTING ──answered──▶ ACTIVE
    ACTIVE, RECOVERING, RESETTING ──a fault, Logout sent──▶ PARTING ──answered, a timeout──▶ CLOSING
    LOGOUT_SENT ──the peer's reset crosses──▶ PARTING, where only its Logout is listened to
    any but DISCONNECTED ──a fault, a timeout──▶ CLOSING ──connection is gone──▶ DISCONNECTED

A gap in LOGOUT_SENT is asked for like any other, but does not change the state; RESETTING opens none, since
the numbers will mean nothing. No clock, no I/O, no bytes here.
"""

from enum import Enum, auto
from typing import Final


class LocalError(Exception):
    """We used the session wrongly: a fault of ours, never of the peer's."""


class State(Enum):
    DISCONNECTED = auto()
    LOGON_SENT = auto()
    AWAITING_LOGON = auto()
    ACTIVE = auto()
    RECOVERING = auto()
    RESETTING = auto()
    PARTING = auto()
    LOGOUT_SENT = auto()
    LOGOUT_RECEIVED = auto()
    CLOSING = auto()


class Trigger(Enum):
    CONNECTED_INITIATOR = auto()
    CONNECTED_ACCEPTOR = auto()
    LOGGED_ON = auto()
    GAP_OPENED = auto()
    GAP_CLOSED = auto()
    RESET_SENT = auto()
    RESET_ANSWERED = auto()
    GOODBYE_SENT = auto()
    LOGOUT_SENT = auto()
    LOGOUT_RECEIVED = auto()
    CLOSE = auto()
    CONNECTION_LOST = auto()


TRANSITIONS: Final[dict[State, dict[Trigger, State]]] = {
    State.DISCONNECTED: {
        Trigger.CONNECTED_INITIATOR: State.LOGON_SENT,
        Trigger.CONNECTED_ACCEPTOR: State.AWAITING_LOGON,
    },
    State.LOGON_SENT: {
        Trigger.LOGGED_ON: State.ACTIVE,
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.AWAITING_LOGON: {
        Trigger.LOGGED_ON: State.ACTIVE,
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.ACTIVE: {
        Trigger.GAP_OPENED: State.RECOVERING,
        Trigger.RESET_SENT: State.RESETTING,
        Trigger.GOODBYE_SENT: State.PARTING,
        Trigger.LOGOUT_SENT: State.LOGOUT_SENT,
        Trigger.LOGOUT_RECEIVED: State.LOGOUT_RECEIVED,
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.RECOVERING: {
        Trigger.GAP_CLOSED: State.ACTIVE,
        Trigger.GOODBYE_SENT: State.PARTING,
        Trigger.LOGOUT_SENT: State.LOGOUT_SENT,
        Trigger.LOGOUT_RECEIVED: State.LOGOUT_RECEIVED,
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.RESETTING: {
        Trigger.RESET_ANSWERED: State.ACTIVE,
        Trigger.GOODBYE_SENT: State.PARTING,
        Trigger.LOGOUT_SENT: State.LOGOUT_SENT,
        Trigger.LOGOUT_RECEIVED: State.LOGOUT_RECEIVED,
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.PARTING: {
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.LOGOUT_SENT: {
        Trigger.GAP_OPENED: State.LOGOUT_SENT,
        Trigger.GAP_CLOSED: State.LOGOUT_SENT,
        Trigger.GOODBYE_SENT: State.PARTING,
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.LOGOUT_RECEIVED: {
        Trigger.CLOSE: State.CLOSING,
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
    State.CLOSING: {
        Trigger.CONNECTION_LOST: State.DISCONNECTED,
    },
}

# What the states mean to those who only ask.
LOGGED_ON: Final = frozenset({State.ACTIVE, State.RECOVERING})  # application messages may be sent
UP: Final = LOGGED_ON | {State.RESETTING}  # between LoggedOn and LoggedOut
LISTENING: Final = UP | {State.LOGOUT_SENT}  # what the peer sends is acted on
ENDING: Final = frozenset({State.LOGOUT_SENT, State.LOGOUT_RECEIVED, State.PARTING})  # and by when is bounded
AWAITING: Final = frozenset({State.LOGON_SENT, State.AWAITING_LOGON})  # only a Logon may come first


def step(state: State, trigger: Trigger) -> State:
    """The next state. LocalError if the table does not know the transition."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise LocalError(f"{trigger.name} is not possible in state {state.name}") from None
