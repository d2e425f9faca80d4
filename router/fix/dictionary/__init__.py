"""The dictionary of each version: names of fields and values, and the rules for received messages."""

from router.fix.dictionary.dictionary import Dictionary, GroupOrder, load
from router.fix.dictionary.validation import Validation

__all__ = ["Dictionary", "GroupOrder", "Validation", "load"]
