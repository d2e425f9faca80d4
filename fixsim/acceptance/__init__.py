"""An acceptor for conformance scripts: it keeps each version's session rules to the letter, and sends
application messages back as they came.

Rooms: `options` what may be asked for, `session` the conventions of such scripts, `echo` the application,
`arrange` the order in which fields leave, `acceptor` connections and sessions without I/O, `control` the
control line, `serve` sockets and clock.
"""
