"""All images that match a filter, which Vearch gives neither in pages nor in order.

A query by filter has a limit, no order and no cursor. So the images are asked for by ranges of their slot, a number
that follows from the id: a range with more images than the limit is divided. Their ids are sorted in a temporary
SQLite database, which keeps on the disk what does not fit into its small cache.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise

from util.vector_store.vearch.remote_space import RawDocument, RemoteSpace, filter_of
from util.vector_store.vearch.schema import SLOT, SLOTS

PAGE = 5000
"""How many images are asked for at once; only their ids travel."""
_DIVISIONS = 16

Conditions = Sequence[Sequence[str]]


def scan(
    space: RemoteSpace, conditions: Conditions, *, fields: Sequence[str] = (SLOT,), page: int = PAGE
) -> Iterator[list[RawDocument]]:
    """Documents that match, in no order, a limited number at a time; each of them once.

    Args:
        space: where they are.
        conditions: lists of words, of each of which an image must have one.
        fields: what to give of a document besides its id.
        page: how many to ask for at once.
    """
    if all(conditions):
        yield from _scan(space, conditions, range(SLOTS), fields, page)


def count(space: RemoteSpace, conditions: Conditions, *, page: int = PAGE) -> int:
    """How many images match."""
    return sum(len({document["_id"] for document in found}) for found in scan(space, conditions, page=page))


def sorted_ids(space: RemoteSpace, conditions: Conditions, *, size: int, page: int = PAGE) -> Iterator[list[str]]:
    """Ids of the images that match in ascending order, ``size`` at a time, in flat memory."""
    with closing(sqlite3.connect("", check_same_thread=False)) as database:  # no name: a temporary file
        database.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")
        for found in scan(space, conditions, page=page):
            rows = ((document["_id"],) for document in found)
            database.executemany("INSERT OR IGNORE INTO ids VALUES (?)", rows)
        ordered = database.execute("SELECT id FROM ids ORDER BY id")
        while ids := ordered.fetchmany(size):
            yield [id_ for (id_,) in ids]


def _scan(
    space: RemoteSpace, conditions: Conditions, slots: range, fields: Sequence[str], page: int
) -> Iterator[list[RawDocument]]:
    found = space.matching(filter_of(conditions, slots), limit=page, fields=fields)
    if len(found) < page:
        if found:
            yield found
    elif len(slots) == 1:
        # Ids that share one slot: there is nothing left to divide by.
        yield from _scan(space, conditions, slots, fields, page * 2)
    else:
        for part in _divided(slots):
            yield from _scan(space, conditions, part, fields, page)


def _divided(slots: range) -> Iterator[range]:
    parts = min(_DIVISIONS, len(slots))
    ends = [slots.start + len(slots) * part // parts for part in range(parts + 1)]
    return (range(start, stop) for start, stop in pairwise(ends))
