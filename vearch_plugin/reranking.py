"""Searches whose hits are ordered anew, as a request asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from config.settings import ServiceSettings, Settings
from util.errors import StaleGalleryError
from util.search.reranking import ReRanking
from util.vector_store.base import VectorStore
from vearch_plugin.extractors import LoadedExtractors
from vearch_plugin.galleries import LearnedGalleries
from vearch_plugin.rerank_requests import ReRankRequests

_Found = TypeVar("_Found")

_ATTEMPTS = 3


class ReRankedSearch:
    """Gives searches the re-ranker that their request names, with the gallery that it has learned.

    Args:
        settings: of the installation.
        limits: the service's own settings.
        extractors: those loaded, and others that need no download, for re-rankers that ask for one.

    Raises:
        InvalidInputError: if a re-ranker is allowed that does not exist.
    """

    def __init__(self, settings: Settings, limits: ServiceSettings, extractors: LoadedExtractors) -> None:
        self._requests = ReRankRequests(
            allowed=limits.service_rerank,
            most_photos=limits.max_rerank_photos,
            cache_dir=None if settings.cache_dir is None else settings.cache_dir / "rerank",
            cache_bytes=settings.rerank_cache_bytes,
            load_extractor=lambda name: extractors.named(name).extractor,
        )
        self._galleries = LearnedGalleries(most_images=limits.max_rerank_images)
        self._timeout = limits.request_timeout

    def __call__(
        self,
        search: Callable[[ReRanking | None], _Found],
        *,
        rerank: str | None,
        queries: int,
        store: VectorStore,
        space: str,
    ) -> _Found:
        """Searches, and again where an image that the gallery lacks came to the space meanwhile.

        In a space that never rests, the last answer is of the images that were there when the gallery was read.

        Args:
            search: does it, with a re-ranking or without.
            rerank: the re-ranker of the request, if it names one.
            queries: how many images are asked with.
            store: holds the space.
            space: its name.

        Raises:
            InvalidInputError, InvalidFieldsError: if the re-ranker cannot be had here.
            SpaceTooLargeError: if it would have to learn too large a space.
            UnavailableError: if it cannot be had now.
        """
        if rerank is None:
            return search(None)
        deadline = time.monotonic() + self._timeout
        reranker = self._requests.made(rerank, queries=queries)
        for _ in range(_ATTEMPTS - 1):
            with suppress(StaleGalleryError):
                return search(self._galleries.ready(reranker, store, space, deadline=deadline))
        ready = self._galleries.ready(reranker, store, space, deadline=deadline)
        return search(replace(ready, leave_out_newer=True))
