"""How the kernels are compiled: cached on disk, without the interpreter's lock, inlined, unable to allocate.

Without numba's runtime (`_nrt=False`) a kernel that makes an array does not compile: "preallocated" is
checked. It also spares counting references to every array that is touched. A market is some twenty arrays,
and a call hands every field of every one of them over: inlined (`forceinline`), the replay of the shipped
tape is three times as fast (15 against 4.6 million events a second on one shared core). What runs seldom is
`cold`: called, so that it does not swell its callers. What only kernels call has no door for Python (`part`,
and `aside` for the cold): two fifths less to compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile `function` for Python and for kernels, which inline it; it keeps its type."""
    return _compiled(function, forceinline=True)


def part(function: _Function) -> _Function:
    """Compile `function` for kernels alone, to be inlined."""
    return _compiled(function, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def cold(function: _Function) -> _Function:
    """Compile `function` for Python and for kernels, which call it: for what is long and runs seldom."""
    return _compiled(function, forceinline=False)


def aside(function: _Function) -> _Function:
    """Compile `function` for kernels alone, to be called."""
    return _compiled(function, forceinline=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _compiled(function: _Function, **options: bool) -> _Function:
    compiler = cast(Any, njit)(cache=True, nogil=True, _nrt=False, **options)
    return cast(_Function, compiler(function))
