"""What all routes work with: the open store, the loaded extractors, the threads.

A route takes it by the dependency :func:`service_of` and does its work in a thread by :meth:`Service.run`::

    @router.post("/hello")
    async def hello(service: ServiceDependency) -> dict[str, int]:
        return {"spaces": len(await service.run(lambda: service.store.list_spaces()))}

The steps are those of the command line (``util.search``); :meth:`Service.extraction_of` gives them an extractor whose
forward passes are shared with the other requests.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from config.settings import ServiceSettings, Settings
from util.errors import ImageError, StoreError
from util.image_extract.base import Extractor
from util.images import ImageLimits
from util.records import Embeddings, SpaceInfo
from util.search.extraction import Extraction, ImageSource
from util.search.projected import as_in_space
from util.vector_store import open_store
from util.vector_store.base import VectorStore
from vearch_plugin.admission import Gate
from vearch_plugin.batching import BatchedExtractor, Batcher
from vearch_plugin.errors import DeadlineExceededError
from vearch_plugin.extractors import LoadedExtractors
from vearch_plugin.metrics import Metrics
from vearch_plugin.reranking import ReRankedSearch
from vearch_plugin.schemas.answers import Readiness
from vearch_plugin.sources import SourceReader

_log = logging.getLogger(__name__)

_Made = TypeVar("_Made")

_STORE_TIMEOUT = 10.0


class Service:
    """The service behind the routes.

    Attributes:
        settings: of the installation.
        limits: the service's own settings.
        gate: counts the requests in work.
        extractors: those loaded.
        metrics: what is counted.
        reranked: searches whose hits are ordered anew.
        calibrating: held by who calibrates a space.
    """

    def __init__(self, settings: Settings, limits: ServiceSettings) -> None:
        self.settings, self.limits = settings, limits
        self.gate = Gate(limits.max_requests)
        self.metrics = Metrics()
        self.extractors = LoadedExtractors(
            models_dir=settings.models_dir, device=settings.device, most=limits.max_extractors, batcher=self._batcher
        )
        self.metrics.watch(
            in_work=lambda: self.gate.inside,
            queued=lambda: sum(batcher.queued for batcher in self.extractors.all),
        )
        self.image_limits = ImageLimits(
            max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels, max_seconds=limits.request_timeout
        )
        self.reranked = ReRankedSearch(settings, limits, self.extractors)
        self._roots = tuple(root.resolve() for root in limits.image_roots)
        # One thread a request that is let in: they wait for the store, the network and each other. What costs memory,
        # decoded images, is made by few.
        self._requests = ThreadPoolExecutor(limits.max_requests, thread_name_prefix="request")
        self._preparers = ThreadPoolExecutor(settings.workers, thread_name_prefix="prepare")
        self._store: VectorStore | None = None
        self._opening = threading.Lock()
        self.calibrating = threading.Lock()
        self._checking: asyncio.Task[Readiness] | None = None

    @property
    def store(self) -> VectorStore:
        """The store, opened when it is first asked for; may block, so ask in a thread.

        Raises:
            StoreUnavailableError: if it cannot be reached; the next one to ask tries again.
        """
        with self._opening:
            if self._store is None:
                self._store = open_store(self.settings.store, timeout=min(_STORE_TIMEOUT, self.limits.request_timeout))
            return self._store

    def reader(self) -> SourceReader:
        """Reads the images of a request that begins now."""
        return SourceReader(self._roots, self.image_limits, self.settings.allow_urls, self.deadline())

    def deadline(self) -> float:
        """When a request that begins now is given up, on the clock of ``time.monotonic``."""
        return time.monotonic() + self.limits.request_timeout

    async def run(self, work: Callable[[], _Made]) -> _Made:
        """Does blocking work in a thread, within the request's context.

        Raises:
            DeadlineExceededError: if it does not end in time. The work itself ends when it comes to know of it.
        """
        context = contextvars.copy_context()
        doing = asyncio.get_running_loop().run_in_executor(self._requests, context.run, work)
        # A little over the deadline that the work knows itself, which ends it at a clean place.
        done, _ = await asyncio.wait([doing], timeout=self.limits.request_timeout + 1)
        if not done:
            doing.cancel()  # what has not begun never will; what has begun is no longer waited for
            raise DeadlineExceededError("the request took too long: ask again later, or with fewer images")
        return doing.result()

    def extraction_of(self, extractor: str | SpaceInfo | None = None) -> Extraction:
        """How images are read and embedded for one request, together with those of others; may block.

        Args:
            extractor: its name; or the space whose extractor it is to be; without either, the settings' one.

        Returns:
            For the steps of ``util.search``. Its deadline is that of a request that begins now.

        Raises:
            UnknownExtractorError, ExtractorUnavailableError, FingerprintMismatchError: if it cannot be had.
        """
        if isinstance(extractor, SpaceInfo):
            return self._extraction(as_in_space(self._batched(self.extractors.of_space(extractor)), extractor))
        if extractor is None or extractor == self.settings.extractor:
            batcher = self.extractors.chosen(self.settings.extractor)
        else:
            batcher = self.extractors.named(extractor)
        return self._extraction(self._batched(batcher))

    async def embed(self, images: Sequence[ImageSource], *, extractor: str | SpaceInfo | None = None) -> Embeddings:
        """Embeddings of images: bytes of files, or decoded arrays.

        Returns:
            float32 (N, D), unit rows, in the order of the images.

        Raises:
            ImageError: naming the first image that cannot be read, and why.
        """

        def work() -> Embeddings:
            _, rows, failed = self.extraction_of(extractor).embed_sources(images)
            if failed:
                raise ImageError(failed[0].path, failed[0].error)
            return rows

        return await self.run(work)

    async def readiness(self) -> Readiness:
        """Whether the store can be reached now and the settings' extractor is loaded.

        However many ask, the store is asked once at a time.
        """
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(asyncio.to_thread(self._check))
        return await asyncio.shield(self._checking)

    def _check(self) -> Readiness:
        try:
            self.store.list_spaces()
            reached = True
        except StoreError as error:
            _log.warning("the store cannot be reached: %s", error)
            reached = False
        return Readiness(store=reached, extractor=self.extractors.has(self.settings.extractor))

    def open(self) -> None:
        """Opens the store and loads the settings' extractor, so that the first request need not wait."""
        self.extractors.chosen(self.settings.extractor)
        self.store.list_spaces()

    def close(self) -> None:
        """Finishes what is in work, then lets go of everything."""
        self._requests.shutdown()
        self.extractors.close()
        self._preparers.shutdown()
        with self._opening:
            if self._store is not None:
                self._store.close()

    def _batched(self, batcher: Batcher) -> BatchedExtractor:
        return BatchedExtractor(batcher, deadline=self.deadline())

    def _extraction(self, extractor: Extractor) -> Extraction:
        return Extraction(
            extractor,
            batch_size=self.settings.batch_size,
            workers=self.settings.workers,
            limits=self.image_limits,
            pool=self._preparers,
        )

    def _batcher(self, extractor: Extractor) -> Batcher:
        size = self.settings.batch_size or extractor.batch_size
        return Batcher(
            extractor,
            batch_size=size,
            wait=self.limits.batch_wait,
            capacity=max(4 * size, self.limits.max_requests),
            observe=self.metrics.observe_pass,
        )


def service_of(request: Request) -> Service:
    """The service of the application that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(service_of)]
