"""What matchers keep of photos: in memory up to a number of bytes, and behind it the re-ranker's own cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from util.errors import InvalidInputError
from util.rerank._cache import ArrayCache
from util.rerank.local.verifying import View

MEMORY = 256 * 2**20


class ViewCache:
    """Views of photos by content hash. Safe to use from several threads.

    The ``ArrayCache`` behind it counts entries, few of which are large elsewhere; here a search touches twenty small
    ones a query, so what is held in memory is bounded by bytes.
    """

    def __init__(self, behind: ArrayCache, *, max_bytes: int = MEMORY) -> None:
        """Makes an empty cache.

        Args:
            behind: asked for what is not in memory; keeps views on disk where it has a folder.
            max_bytes: of all views in memory; those used last stay.

        Raises:
            InvalidInputError: if ``max_bytes`` is not positive.
        """
        if max_bytes < 1:
            raise InvalidInputError(f"a cache of views needs room for something, not {max_bytes} bytes")
        self._behind, self._max_bytes = behind, max_bytes
        self._held: OrderedDict[tuple[object, ...], View] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get_or_make(self, key: tuple[object, ...], make: Callable[[], View]) -> View:
        """The view of a key, made if it is nowhere.

        Args:
            key: content hash of the photo, and all that the view depends on besides.
            make: reads and describes the photo.
        """
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        view = View.from_arrays(self._behind.get_or_make(("view", *key), lambda: make().to_arrays()))
        with self._lock:
            if key not in self._held:
                self._bytes += _size(view)
            self._held[key] = view
            while self._bytes > self._max_bytes:
                self._bytes -= _size(self._held.popitem(last=False)[1])
        return view


def _size(view: View) -> int:
    return view.small.nbytes + sum(array.nbytes for array in view.description.values())
