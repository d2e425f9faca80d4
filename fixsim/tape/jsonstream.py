"""JSON read as a stream: the elements of arrays, one after the other, without the array.

    [ {...}, {...} ]                           ("", 1, {...}), ("", 2, {...})
    {...} {...}                                the same: JSON lines
    {"bids": [[...], [...]], "sequence": 7}    ("bids", 1, [...]), ("bids", 2, [...]), ("sequence", 0, 7)

Memory holds one block of the file and one element.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from fixsim.tape.source import CutShortError, SourceFile

MAX_ELEMENT: Final = 1 << 20
"""Characters of one element; what is longer is taken for damage."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODE = json.JSONDecoder().raw_decode


def elements(source: SourceFile) -> Iterator[tuple[int, Any]]:
    """(number from 1, element) of one array, or of JSON lines. Raises CutShortError: cut, or not JSON."""
    text = _Text(source)
    if text.peek() == "[":
        for _, number, value in _array(text, ""):
            yield number, value
        text.end()
    while text.peek():
        source.rows += 1
        yield source.rows, text.value()


def fields(source: SourceFile) -> Iterator[tuple[str, int, Any]]:
    """(key, number from 1, element) of the arrays in one object, (key, 0, value) of what is no array.

    Raises CutShortError: cut, or not JSON.
    """
    text = _Text(source)
    yield from _object(text)
    text.end()


def _array(text: _Text, key: str) -> Iterator[tuple[str, int, Any]]:
    text.take("[")
    number = 0
    while text.peek() != "]":
        if number:
            text.take(",")
        number += 1
        text.source.rows += 1
        yield key, number, text.value()
    text.take("]")


def _object(text: _Text) -> Iterator[tuple[str, int, Any]]:
    text.take("{")
    first = True
    while text.peek() != "}":
        if not first:
            text.take(",")
        first = False
        key = text.value()
        text.take(":")
        if text.peek() == "[":
            yield from _array(text, str(key))
        else:
            yield str(key), 0, text.value()
    text.take("}")


class _Text:
    """The characters of a file from where we are."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._blocks = source.blocks()
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        if self.peek() != character:
            raise self.fault(f"{character!r} is not there")
        self._at += 1

    def value(self) -> Any:
        """The next element, whole."""
        self.peek()
        while True:
            try:
                value, end = _DECODE(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if self._ended or len(self._text) - self._at > MAX_ELEMENT:
                    raise self.fault(str(error)) from None
            else:
                if self._ended or end < len(self._text):  # else a number may go on in the next block
                    self._refuse_other_bytes(self._text[self._at : end])
                    self._at = end
                    return value
            self._more()

    def _refuse_other_bytes(self, text: str) -> None:
        """Bytes that are no UTF-8 came as surrogates, so that they are noticed at their own element."""
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self.fault("not UTF-8") from None

    def end(self) -> None:
        if self.peek():
            raise self.fault("something comes after its end")

    def fault(self, reason: str) -> CutShortError:
        return CutShortError(
            self.source.name, max(0, self.source.rows - 1), f"damaged or cut short: {reason}"
        )

    def _more(self) -> bool:
        if self._ended:
            return False
        block = next(self._blocks, b"")
        self._ended = not block
        more = self._decode.decode(block, final=self._ended)
        self._text, self._at = self._text[self._at :] + more, 0
        return not self._ended
