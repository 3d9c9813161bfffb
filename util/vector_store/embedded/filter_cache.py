"""Which images match a filter, remembered: a filter that is asked again costs nothing but what is new."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict

import numpy as np

from util.vector_store.embedded.images import Keys, matching_keys
from util.vector_store.embedded.spaces import SpaceRow
from util.vector_store.embedded.where_sql import WhereSql

_FILTERS = 16


class FilterCache:
    """Keys that match the filters asked for last.

    What a key stands for never changes, so an answer stays true: only keys that came later have to be looked at, and
    whoever uses the answer passes over keys that are gone.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._answers: OrderedDict[WhereSql, tuple[int, Keys]] = OrderedDict()

    def keys(self, connection: sqlite3.Connection, space: SpaceRow, where: WhereSql, *, last_key: int) -> Keys:
        """Keys that match, ascending; some may have been removed.

        Args:
            connection: to ask for what is not known yet.
            space: the space.
            where: the filter.
            last_key: the highest key that the connection sees.
        """
        with self._guard:
            seen, keys = self._answers.pop(where, (0, np.empty(0, dtype=np.int64)))
        if seen < last_key:
            keys = np.concatenate([keys, matching_keys(connection, space, where, after=seen)])
            seen = last_key
        with self._guard:
            self._answers[where] = seen, keys
            while len(self._answers) > _FILTERS:
                self._answers.popitem(last=False)
        return keys
