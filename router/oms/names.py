"""What the desks call their parents: each desk has names of its own, and a parent may have had several.

Two desks that use the same ClOrdID(11) never meet. A name that was replaced still finds its parent, so that
it can be said what became of it; only the newest may be cancelled or replaced.
"""

from __future__ import annotations

from router.parent import ParentWork


class Names:
    def __init__(self) -> None:
        self._works: dict[tuple[int, str], ParentWork] = {}

    def add(self, work: ParentWork, cl_ord_id: str) -> None:
        self._works[work.desk, cl_ord_id] = work

    def drop(self, work: ParentWork, cl_ord_id: str) -> None:
        self._works.pop((work.desk, cl_ord_id), None)

    def add_all(self, work: ParentWork) -> None:
        """Every name that a parent has had, or may get."""
        for cl_ord_id in _names(work):
            self.add(work, cl_ord_id)

    def drop_all(self, work: ParentWork) -> None:
        for cl_ord_id in _names(work):
            self.drop(work, cl_ord_id)

    def find(self, desk: int, cl_ord_id: str) -> ParentWork | None:
        """The desk's parent that has or had this name."""
        return self._works.get((desk, cl_ord_id))

    def current(self, desk: int, cl_ord_id: str) -> ParentWork | None:
        """The desk's parent whose name this is, or will be if its replace goes through."""
        work = self.find(desk, cl_ord_id)
        return None if work is None or cl_ord_id in work.former_ids else work


def _names(work: ParentWork) -> list[str]:
    pending = [work.replacement.parent.cl_ord_id] if work.replacement is not None else []
    return [*work.former_ids, work.parent.cl_ord_id, *pending]
