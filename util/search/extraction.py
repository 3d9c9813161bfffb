"""From files to embeddings: workers read and preprocess while the extractor computes.

Indexing, querying, evaluation and the service all come through here, so an image meets the same decoder, limits,
recipe and network whichever way it came in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.image_extract.base import Extractor
from util.images import DEFAULT_LIMITS, ImageLimits, content_hash, read_bytes, read_image
from util.preprocess.cache import PreprocessCache
from util.records import Embeddings, ImageRecord

ImageSource: TypeAlias = str | Path | bytes | NDArray[np.uint8]
"""What can be asked with: a path, a URL, a file's bytes, or a decoded RGB array."""

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class Progress(Protocol):
    """Told how far a long run is: how many are done and, where known, of how many."""

    def __call__(self, done: int, total: int | None) -> None:
        """Called whenever a part of the work is done."""


def no_progress(done: int, total: int | None) -> None:
    """For who does not want to know."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that was left out, and why.

    Attributes:
        path: what messages call it.
        error: the reason.
        code: that of the error, for programs.
        id: of the image in its space, where it was to have one.
    """

    path: str
    error: str
    code: str = ImageError.code
    id: str = ""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file as read: its bytes and their sha256."""

    data: bytes
    sha256: str


@dataclass(frozen=True)
class Extraction:
    """An extractor together with how its images are read.

    Attributes:
        extractor: makes the embeddings.
        batch_size: images a forward pass; ``None`` takes the extractor's own.
        workers: threads that read, decode and preprocess.
        pool: does that work instead of ``workers`` of one's own; for many extractions at a time, whose threads (and
            decoded images) would otherwise add up.
        limits: largest image accepted.
        allow_urls: whether http(s) URLs may be fetched.
        cache: keeps preprocessed images on disk; worth it for recipes that are slower than reading a PNG.
    """

    extractor: Extractor
    batch_size: int | None = None
    workers: int = 2
    limits: ImageLimits = DEFAULT_LIMITS
    allow_urls: bool = False
    cache: PreprocessCache | None = None
    pool: ThreadPoolExecutor | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InvalidInputError(f"workers must be at least 1, not {self.workers}")
        if self.batch_size is not None and self.batch_size < 1:
            raise InvalidInputError(f"the batch size must be at least 1, not {self.batch_size}")

    @property
    def images_a_batch(self) -> int:
        """The batch size in force."""
        return self.batch_size or self.extractor.batch_size

    def threads(self, purpose: str) -> AbstractContextManager[ThreadPoolExecutor]:
        """The threads to read or preprocess with, for as long as the context lasts."""
        if self.pool is not None:
            return nullcontext(self.pool)
        return ThreadPoolExecutor(self.workers, thread_name_prefix=purpose)

    def read(self, path: str | Path) -> FileContent:
        """Reads a file (or a URL, where allowed) within the limits.

        Raises:
            ImageError: if it cannot be read.
        """
        data = read_bytes(path, limits=self.limits, allow_urls=self.allow_urls)
        return FileContent(data, content_hash(data))

    def read_record(self, record: ImageRecord) -> FileContent:
        """The bytes of a record: those it brings along, else those of its file.

        Raises:
            ImageError: if the file cannot be read.
        """
        if record.data is None:
            return self.read(record.path)
        return FileContent(record.data, content_hash(record.data))

    def prepare(self, content: FileContent, name: str) -> NDArray[np.uint8]:
        """Decodes and preprocesses what was read: uint8 H×W×3 RGB, ready for ``Extractor.embed``.

        Raises:
            ImageError: if it cannot be decoded.
        """

        def make() -> NDArray[np.uint8]:
            return self.extractor.prepare(read_image(content.data, limits=self.limits, name=name))

        if self.cache is None:
            return make()
        return self.cache.get_or_make(content.sha256, self.extractor.recipe, make)

    def prepare_source(self, source: ImageSource, name: str) -> NDArray[np.uint8]:
        """Like ``read`` and ``prepare`` in one, for anything that can be asked with."""
        if isinstance(source, np.ndarray):
            return self.extractor.prepare(read_image(source, limits=self.limits, name=name))
        if isinstance(source, bytes):
            return self.prepare(FileContent(source, content_hash(source)), name)
        return self.prepare(self.read(source), name)

    def embed_sources(
        self, sources: Sequence[ImageSource], *, progress: Progress = no_progress
    ) -> tuple[list[int], Embeddings, list[Failure]]:
        """Embeds many images, going on past those that cannot be read.

        Args:
            sources: the images.
            progress: told after every batch.

        Returns:
            Positions in ``sources`` of the N images that could be read; their embeddings (N, D); the failures.
        """
        kept: list[int] = []
        rows: list[Embeddings] = []
        failures: list[Failure] = []

        def prepare(indexed: tuple[int, ImageSource]) -> NDArray[np.uint8] | ImageError:
            position, source = indexed
            return caught(lambda: self.prepare_source(source, source_name(source, position)))

        size = self.images_a_batch
        with self.threads("prepare") as pool:
            outcomes = map_ahead(pool, prepare, enumerate(sources), ahead=2 * size)
            for batch in batched(enumerate(outcomes), size):
                good = [(position, image) for position, image in batch if not isinstance(image, ImageError)]
                failures += [
                    Failure(source_name(sources[position], position), error.reason, error.code)
                    for position, error in batch
                    if isinstance(error, ImageError)
                ]
                kept += [position for position, _ in good]
                if good:
                    rows.append(self.extractor.embed([image for _, image in good]))
                progress(batch[-1][0] + 1, len(sources))
        empty = np.empty((0, self.extractor.dimension), dtype=np.float32)
        return kept, np.concatenate(rows) if rows else empty, failures


def source_name(source: ImageSource, position: int) -> str:
    """What to call a query in results and messages: its path, or its place among the queries.

    >>> source_name("a.jpg", 3), source_name(b"...", 3)
    ('a.jpg', 'query 4')
    """
    return str(source) if isinstance(source, str | Path) else f"query {position + 1}"


def caught(read: Callable[[], _Made]) -> _Made | ImageError:
    """The result, or the image's error as a value, so that one bad image does not end a run over many."""
    try:
        return read()
    except ImageError as error:
        return error


def map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[_Given], _Made], values: Iterable[_Given], *, ahead: int
) -> Iterator[_Made]:
    """Like ``pool.map``, in order, but with at most ``ahead`` results waiting: memory stays flat on long inputs.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(map_ahead(pool, abs, [-1, -2, -3], ahead=2))
    [1, 2, 3]
    """
    waiting: deque[Future[_Made]] = deque()
    try:
        for value in values:
            waiting.append(pool.submit(function, value))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def batched(values: Iterable[_Given], size: int) -> Iterator[list[_Given]]:
    """Lists of up to ``size`` neighbours.

    >>> list(batched([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    batch: list[_Given] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
