"""Mutated input for the codec and the session: nothing but a message, a reject, an ignore or a logout may
come of it; never an exception, a hang, or growth.

Rooms: `mutate` the input, `targets` what is given it, `watch` rate, time and memory, `cli` the command.
"""
