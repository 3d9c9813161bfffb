"""What re-rankers have learned of spaces: once for each content of a space, however many ask at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from util.rerank.base import ReRanker
from util.search.reranking import ReRanking, with_gallery
from util.vector_store.base import VectorStore
from vearch_plugin.errors import DeadlineExceededError, SpaceTooLargeError, UnavailableError

_HELD = 4  # that have learned a space, each with its vectors; and as many others, with what they saw in photos
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Learned:
    """A re-ranker with a gallery that it has learned, and the revision of the space that this was."""

    reranking: ReRanking
    revision: str | None


class LearnedGalleries:
    """Re-rankers that are ready to answer, those asked for last.

    One request learns at a time and the others wait for it, no longer than they have time; whoever asks for what is
    ready waits for nobody. Where the request that learns is given up, its thread goes on, so that a later one finds it
    done. A store that cannot tell whether a space has changed is read anew for every request.

    Args:
        most_images: of a space that is learned.
    """

    def __init__(self, *, most_images: int) -> None:
        self._most_images = most_images
        self._held: OrderedDict[tuple[str, str], _Learned] = OrderedDict()
        self._holding = threading.Lock()
        self._learning = threading.Lock()

    def ready(self, reranker: ReRanker, store: VectorStore, space: str, *, deadline: float) -> ReRanking:
        """The re-ranker with what it has to know of a space.

        Args:
            reranker: made for this request; one held that is called the same is taken instead.
            store: holds the space.
            space: its name.
            deadline: of the request, on the clock of ``time.monotonic``.

        Raises:
            SpaceTooLargeError: if the space holds more images than may be learned.
            DeadlineExceededError: if another request is still learning when the time is over.
            UnavailableError: if the space changes faster than it can be read.
        """
        key = (reranker.describe(), space if reranker.needs_gallery else "")
        if not reranker.needs_gallery:
            return self._keep(key, self._found(key, None) or ReRanking(reranker), None)
        self._check_size(store, space)
        if (found := self._found(key, store.revision(space))) is not None:
            return found
        with self._turn(deadline):
            return self._learned(key, reranker, store, space)

    def _check_size(self, store: VectorStore, space: str) -> None:
        count = store.info(space).count
        if count > self._most_images:
            raise SpaceTooLargeError(
                f"space {space!r} holds {count:,} images, and a re-ranker that learns them all takes at most "
                f"{self._most_images:,} here: ask for one that sees the hits alone, such as alpha_qe"
            )

    def _learned(self, key: tuple[str, str], reranker: ReRanker, store: VectorStore, space: str) -> ReRanking:
        for _ in range(_ATTEMPTS):
            revision = store.revision(space)
            if (found := self._found(key, revision)) is not None:
                return found  # somebody else has learned it meanwhile
            # The one held knows an earlier content of the space, from which it may learn the present one faster.
            held = self._held.get(key)
            read = with_gallery(ReRanking(held.reranking.reranker if held else reranker), store, space)
            if store.revision(space) == revision and read.gallery is not None:
                read.reranker.fit(read.gallery)
                return self._keep(key, read, revision)
        raise UnavailableError(f"space {space!r} changes faster than it can be learned: ask again when it rests")

    def _found(self, key: tuple[str, str], revision: str | None) -> ReRanking | None:
        with self._holding:
            held = self._held.get(key)
            if held is None or held.revision != revision or (revision is None and held.reranking.gallery is not None):
                return None
            self._held.move_to_end(key)
            return held.reranking

    def _keep(self, key: tuple[str, str], reranking: ReRanking, revision: str | None) -> ReRanking:
        with self._holding:
            self._held[key] = _Learned(reranking, revision)
            self._held.move_to_end(key)
            # What is made in a moment must not displace what took minutes to learn.
            alike = [held for held in self._held if bool(held[1]) == bool(key[1])]
            for gone in alike[:-_HELD]:
                del self._held[gone]
        return reranking

    @contextmanager
    def _turn(self, deadline: float) -> Iterator[None]:
        if not self._learning.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise DeadlineExceededError("a re-ranker is still learning a space: ask again in a moment")
        try:
            yield
        finally:
            self._learning.release()
