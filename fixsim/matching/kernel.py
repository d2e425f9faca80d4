"""How the kernels are compiled: cached on disk, without the interpreter's lock, inlined, unable to allocate.

Without numba's runtime (`_nrt=False`) a kernel that makes an array does not compile: "preallocated" is
checked. It also spares counting references to every array that is touched. A market is some twenty arrays,
and a call hands every field of every one of them over: inlined (`forceinline`), the replay of the shipped
tape is three times as fast (15 against 4.6 million events a second on one shared core). What runs seldom is
`cold`: called, so that it does not swell its callers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile `function`, to be inlined wherever a kernel calls it; it keeps the type it was written with."""
    return _compiled(function, forceinline=True)


def cold(function: _Function) -> _Function:
    """Compile `function`, to be called: for what is long and runs seldom."""
    return _compiled(function, forceinline=False)


def _compiled(function: _Function, *, forceinline: bool) -> _Function:
    compiler = cast(Any, njit)(cache=True, nogil=True, _nrt=False, forceinline=forceinline)
    return cast(_Function, compiler(function))
