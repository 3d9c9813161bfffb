"""Embeds the images of many requests in one forward pass.

A network takes little longer for sixteen images than for one. Requests hand in their preprocessed images and wait;
one thread takes what has come together, has it embedded, and gives each request its rows. While a pass runs the next
batch gathers, so nobody waits for others longer than ``wait`` when the service is idle.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTimeError
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.image_extract.base import Extractor
from util.records import Embeddings
from vearch_plugin.errors import DeadlineExceededError, UnavailableError

Prepared: TypeAlias = Sequence[NDArray[np.uint8]]
Observe: TypeAlias = Callable[[int, float], None]
"""Told of every forward pass: images, seconds."""


def _unobserved(images: int, seconds: float) -> None:
    """For who does not count."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The images of one request, and where their rows are expected."""

    images: Prepared
    rows: Future[Embeddings] = field(default_factory=Future)


class Batcher:
    """One extractor, shared by many threads.

    Args:
        extractor: makes the embeddings; called from one thread at a time.
        batch_size: images that go into one pass, where so many wait. A request with more goes in one by itself.
        wait: seconds that the first image of a pass waits for company.
        capacity: images that may wait; who comes then waits to hand them in.
        observe: told of every pass.
    """

    def __init__(
        self,
        extractor: Extractor,
        *,
        batch_size: int,
        wait: float,
        capacity: int,
        observe: Observe = _unobserved,
    ) -> None:
        self.extractor = extractor
        self._batch_size, self._wait, self._capacity, self._observe = batch_size, wait, capacity, observe
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._changed = threading.Condition()
        self._closed = False
        self._passes = ThreadPoolExecutor(1, thread_name_prefix="forward")
        self._loop = threading.Thread(target=self._run, name="batches", daemon=True)
        self._loop.start()

    @property
    def queued(self) -> int:
        """How many images wait."""
        return self._queued

    def embed(self, images: Prepared, *, deadline: float) -> Embeddings:
        """Embeds images together with those of other requests.

        Args:
            images: N arrays that ``Extractor.prepare`` has made.
            deadline: until when, on the clock of ``time.monotonic``, the answer is of use.

        Returns:
            float32 (N, dimension), unit rows.

        Raises:
            DeadlineExceededError: if the answer cannot be had in time.
            UnavailableError: if the batcher is closed.
        """
        if not images:
            return self.extractor.embed([])
        waiting = _Waiting(images)
        self._hand_in(waiting, deadline)
        try:
            return waiting.rows.result(timeout=max(0.0, deadline - time.monotonic()))
        except NotInTimeError:
            waiting.rows.cancel()
            raise _too_late() from None
        except CancelledError:
            raise _closed() from None

    def close(self) -> None:
        """Embeds what waits, then ends. Calling it twice does no harm."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._loop.join()
        self._passes.shutdown()

    def _hand_in(self, waiting: _Waiting, deadline: float) -> None:
        size = len(waiting.images)

        def has_room() -> bool:
            return self._closed or self._queued == 0 or self._queued + size <= self._capacity

        with self._changed:
            if not self._changed.wait_for(has_room, timeout=max(0.0, deadline - time.monotonic())):
                raise _too_late()
            if self._closed:
                raise _closed()
            self._queue.append(waiting)
            self._queued += size
            self._changed.notify_all()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._embed(batch)

    def _next_batch(self) -> list[_Waiting]:
        """What goes into one pass; nothing when all is done and the batcher closed."""
        batch: list[_Waiting] = []
        with self._changed:
            while not batch:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return []
                self._changed.wait_for(lambda: self._closed or self._queued >= self._batch_size, timeout=self._wait)
                batch = [waiting for waiting in self._take() if waiting.rows.set_running_or_notify_cancel()]
                self._changed.notify_all()
        return batch

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        size = 0
        while self._queue and (not taken or size + len(self._queue[0].images) <= self._batch_size):
            taken.append(self._queue.popleft())
            size += len(taken[-1].images)
        self._queued -= size
        return taken

    def _embed(self, batch: Sequence[_Waiting]) -> None:
        images = [image for waiting in batch for image in waiting.images]
        started = time.perf_counter()
        made = self._passes.submit(self.extractor.embed, images)
        wait_for([made])
        error = made.exception()
        if error is None:
            self._observe(len(images), time.perf_counter() - started)
            _deliver(batch, made.result())
        elif len(batch) > 1:
            for waiting in batch:  # the images of one request must not spoil the others
                self._embed([waiting])
        else:
            batch[0].rows.set_exception(error)


def _deliver(batch: Sequence[_Waiting], rows: Embeddings) -> None:
    start = 0
    for waiting in batch:
        end = start + len(waiting.images)
        waiting.rows.set_result(rows[start:end].copy())  # a slice would keep the whole batch alive
        start = end


class BatchedExtractor(Extractor):
    """An extractor that embeds together with others, for one request and until its deadline.

    The steps of the library take it for any other extractor: same name, recipe, fingerprint and embeddings.

    Args:
        batcher: shared with the other requests.
        deadline: of this request, on the clock of ``time.monotonic``.
    """

    def __init__(self, batcher: Batcher, *, deadline: float) -> None:
        inner = batcher.extractor
        self._batcher, self._deadline = batcher, deadline
        self.name, self.dimension, self.revision = inner.name, inner.dimension, inner.revision
        self.recipe, self.default_recipe = inner.recipe, inner.default_recipe
        self.batch_size, self.duplicate_score = inner.batch_size, inner.duplicate_score

    @property
    def weights_digest(self) -> str:
        """That of the extractor behind."""
        return self._batcher.extractor.weights_digest

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Preprocesses one image as the extractor behind does, unless the request's time is over."""
        if time.monotonic() >= self._deadline:
            raise _too_late()
        return self._batcher.extractor.prepare(image)

    def embed(self, prepared: Prepared) -> Embeddings:
        """See ``Batcher.embed``."""
        return self._batcher.embed(prepared, deadline=self._deadline)


def _too_late() -> DeadlineExceededError:
    return DeadlineExceededError("the request's turn did not come in time: ask again later, or with fewer images")


def _closed() -> UnavailableError:
    return UnavailableError("the service is shutting down: ask again in a moment")
