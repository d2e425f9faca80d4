"""The pipe between a test and the FIX engine of somebody else in this process: JSON, one line each way.

Runs in the engine's own interpreter and knows nothing of ours. A field is [tag, value]; a repeating group is
[count tag, [entry, entry, ...]], each entry a list of fields, the group's first field first. A session goes
by its counterparty's CompID.

In come commands: {"cmd": "send", "session", "fields"}, {"cmd": "logout" | "logon", "session"}, {"cmd":
"stop"}. Out go events: {"event": "up"}, {"event": "logon" | "logout", "session"}, {"event": "in" | "out",
"session", "raw"}, and remarks. NUMBERS on the command line is JSON: a session's next "out" and "in" before it
connects.
"""

import json
import sys
import threading

_SAID = threading.Lock()


def say(event, **fields):
    """One event; from any thread, never two in one line."""
    line = json.dumps({"event": event, **fields})
    with _SAID:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def commands():
    """What the test says, until it says no more."""
    for line in sys.stdin:
        yield json.loads(line)
