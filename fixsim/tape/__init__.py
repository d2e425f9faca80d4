"""Recorded order flow: the compact tape, its importer, and the proof that it gives back what was recorded."""

from fixsim.tape.format import SHIPPED, Tape, TapeError, load_tape, save_tape
from fixsim.tape.verify import VerifyReport, verify

__all__ = ["SHIPPED", "Tape", "TapeError", "VerifyReport", "load_tape", "save_tape", "verify"]
