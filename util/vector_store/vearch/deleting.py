"""Documents out of Vearch, which keeps silent about partitions that could not delete."""

from __future__ import annotations

from collections.abc import Sequence

from util.errors import StoreError
from util.vector_store.vearch import scanning
from util.vector_store.vearch.remote_space import RemoteSpace, chunks, filter_of
from util.vector_store.vearch.scanning import Conditions
from util.vector_store.vearch.schema import SLOT

_TRIES = 5
# Documents a partition and request.
_LIMIT = 1000


def delete_ids(space: RemoteSpace, ids: Sequence[str]) -> int:
    """Removes documents by id; says how many were there.

    Raises:
        StoreError: if some of them stay.
    """
    removed = 0
    for part in chunks(ids):
        # Counted before: the answer to a delete may be lost and the request repeated.
        there = list(space.of_ids(part, fields=(SLOT,)))
        removed += len(there)
        for _ in range(_TRIES):
            unconfirmed = set(there) - space.delete_ids(there) if there else set()
            there = list(space.of_ids(list(unconfirmed), fields=(SLOT,))) if unconfirmed else []
            if not there:
                break
        if there:
            raise StoreError(f"Vearch did not delete {len(there)} images, {there[0]!r} among them: delete them again")
    return removed


def delete_matching(space: RemoteSpace, conditions: Conditions) -> int:
    """Removes documents that match a filter; says how many there were.

    Raises:
        StoreError: if some of them stay.
    """
    if not all(conditions):
        return 0
    matching = filter_of(conditions)
    removed = scanning.count(space, conditions)
    for _ in range(_TRIES):
        # One request deletes a limited number in each partition.
        while space.delete_matching(matching, limit=_LIMIT):
            pass
        left = space.matching(matching, limit=1, fields=(SLOT,))
        if not left:
            return removed
    raise StoreError(f"Vearch did not delete all images that match, {left[0]['_id']!r} stays: delete them again")
