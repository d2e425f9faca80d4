"""risk: what an order is, and whether it may leave.

Integers only; no clock, no I/O but the reading of settings at start, no task, no socket. Times are passed in.
"""
