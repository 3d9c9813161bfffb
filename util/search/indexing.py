"""Index images: read, extract and store, doing only the work that is new.

What is skipped is *work*, never an id: two files with the same bytes are two images of the space, but the network
sees their pixels once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.image_extract.base import Extractor
from util.images import split_frame_address
from util.records import ImageRecord, Metadata, SpaceInfo
from util.search.calibrating import forget_calibration
from util.search.extraction import Extraction, Failure, FileContent, Progress, batched, caught, no_progress
from util.vector_store.base import VectorStore

ID_TAKEN = "id_taken"
"""Code of the failure of an image whose id stands for another one."""

_CHUNK_BYTES = 128 * 2**20  # of files read ahead and not yet decoded


@dataclass(slots=True)
class IndexReport:
    """What a run over many images did.

    Attributes:
        space: where they went.
        extractor: what embedded them.
        index: the search index of the space.
        indexed: images written because they were new or had changed.
        skipped: images that were there already, unchanged.
        relabelled: of the images there already, those whose item or metadata changed and was written.
        reused: of the images indexed, those whose bytes were known, so that nothing had to be extracted.
        removed: images taken out of the space because their files are gone (only when asked for).
        failed: the images left out.
        seconds: how long it took.
    """

    space: str
    extractor: str
    index: str = "Flat"
    indexed: int = 0
    skipped: int = 0
    relabelled: int = 0
    reused: int = 0
    removed: int = 0
    failed: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        """Images gone through a second, skipped ones included."""
        done = self.indexed + self.skipped + len(self.failed)
        return done / self.seconds if self.seconds > 0 else 0.0

    @property
    def changed(self) -> bool:
        """Whether the space is another than before."""
        return bool(self.indexed or self.relabelled or self.removed)


@dataclass(frozen=True, slots=True)
class _Read:
    record: ImageRecord
    content: FileContent

    @property
    def metadata(self) -> Metadata:
        """What is stored: the record's own fields and those that NearID keeps for itself."""
        item = {} if self.record.item is None else {"item": self.record.item}
        path = {} if self.path is None else {"path": self.path}
        return {**self.record.metadata, **item, **path, "sha256": self.content.sha256}

    @property
    def path(self) -> str | None:
        """Where the file is, whatever folder a later command is started in; ``None`` where there is no file."""
        return str(Path(self.record.path).absolute()) if self.record.path else None


@dataclass(frozen=True, slots=True)
class _Ready:
    """An image whose vector is known or whose pixels are on their way."""

    read: _Read
    vector: NDArray[np.float32] | None
    pixels: Future[NDArray[np.uint8] | ImageError] | None


def space_for(extractor: Extractor, name: str | None = None, *, index: str = "Flat") -> SpaceInfo:
    """The space an extractor writes to; it is called after the extractor unless a name is given."""
    return SpaceInfo(
        name=name or extractor.name.replace("/", "_"),
        extractor=extractor.name,
        dimension=extractor.dimension,
        fingerprint=extractor.fingerprint,
        recipe=str(extractor.recipe),
        index=index,
        attributes=extractor.space_attributes,
    )


def index_images(
    records: Iterable[ImageRecord],
    *,
    extraction: Extraction,
    store: VectorStore,
    space: str | None = None,
    index: str = "Flat",
    total: int | None = None,
    progress: Progress = no_progress,
) -> IndexReport:
    """Brings a space up to date with images: extracts what is new or changed, skips the rest.

    Every batch is committed as it is done, so a run that was interrupted goes on where it stopped when it is
    started again. Images that cannot be read are listed and do not stop it; what the space held of them stays.

    Args:
        records: the images; an iterator is consumed as the work goes on, in flat memory.
        extraction: the extractor and how its images are read.
        store: where the embeddings go.
        space: name of the space; by default that of the extractor. It is made when it is not there.
        index: search index of a space that is made now, as ``SpaceInfo.index``.
        total: number of images, for the progress; taken from ``records`` where it has a length.
        progress: told after every chunk.

    Returns:
        What was done.

    Raises:
        FingerprintMismatchError: if the space holds embeddings of another extractor, weights or recipe.
        StoreError: if the store fails; batches committed before stay.
    """
    started = time.perf_counter()
    target = store.create_space(space_for(extraction.extractor, space, index=index), exist_ok=True)
    run = _Indexing(extraction, store, target)
    if total is None and isinstance(records, Sequence):
        total = len(records)
    with (
        extraction.threads("read") as readers,
        extraction.threads("prepare") as preparers,
    ):
        chunks = _chunks(records, extraction.images_a_batch)
        for chunk in _read_ahead(readers, extraction, chunks):
            run.take(chunk, preparers)
            progress(run.done, total)
        run.finish()
        progress(run.done, total)
    if run.report.changed:
        forget_calibration(store, target.name)
        store.refresh(target.name)  # builds its search index now, not when the first query waits
    run.report.seconds = time.perf_counter() - started
    return run.report


def remove_missing(store: VectorStore, space: str, roots: Sequence[Path]) -> int:
    """Takes images out of a space whose files were below ``roots`` and are gone; says how many."""
    gone: list[str] = []
    tops = [root.absolute() for root in roots]
    for batch in store.iterate(space):
        for id_, metadata in zip(batch.ids, batch.metadata, strict=True):
            path = _file_of(metadata)
            if path is not None and any(path.is_relative_to(top) for top in tops) and not path.exists():
                gone.append(id_)
    removed = sum(store.delete(space, ids=ids) for ids in batched(gone, 1000))
    if removed:
        forget_calibration(store, space)
    return removed


class _Indexing:
    """One run: images flow from read to ready to written, a batch at a time."""

    def __init__(self, extraction: Extraction, store: VectorStore, space: SpaceInfo) -> None:
        self._extraction, self._store, self._space = extraction, store, space
        self._waiting: list[_Ready] = []
        self.report = IndexReport(space.name, extraction.extractor.name, space.index)

    @property
    def done(self) -> int:
        report = self.report
        return report.indexed + report.skipped + len(report.failed)

    def take(
        self, chunk: Sequence[tuple[ImageRecord, FileContent | ImageError]], preparers: ThreadPoolExecutor
    ) -> None:
        """Sorts a chunk into skipped, failed and ready, then writes the batch before it.

        The pixels of this chunk are prepared by the workers while the batch before it goes through the network.
        """
        reads: list[_Read] = []
        for record, content in chunk:
            if isinstance(content, ImageError):
                self.report.failed.append(Failure(record.name, content.reason, content.code, record.id))
            elif not (_is_text(record.id) and _is_text(record.path)):
                path = record.path.encode(errors="backslashreplace").decode()
                self.report.failed.append(Failure(path, "its name is not UTF-8 text: rename the file"))
            else:
                reads.append(_Read(record, content))
        if self._must_see_the_batch_before(reads):
            self.finish()
        before, self._waiting = self._waiting, self._sort(reads, preparers)
        self._write(before)

    def finish(self) -> None:
        """Writes what is still waiting."""
        before, self._waiting = self._waiting, []
        self._write(before)

    def _must_see_the_batch_before(self, reads: Sequence[_Read]) -> bool:
        ids = {ready.read.record.id for ready in self._waiting}
        hashes = {ready.read.content.sha256 for ready in self._waiting}
        return any(read.record.id in ids or read.content.sha256 in hashes for read in reads)

    def _sort(self, reads: Sequence[_Read], preparers: ThreadPoolExecutor) -> list[_Ready]:
        reads = self._one_an_id(reads)
        there = self._stored([read.record.id for read in reads])
        reads = [read for read in reads if not self._stands_for_another_file(read, there)]
        fresh = [r for r in reads if there.get(r.record.id, {}).get("sha256") != r.content.sha256]
        known = self._known_vectors({read.content.sha256 for read in fresh})
        moved = [
            read for read in reads
            if (old := there.get(read.record.id, {})).get("sha256") == read.content.sha256
            and dict(old) != dict(read.metadata)
        ]  # fmt: skip
        self._relabel(moved)
        self.report.skipped += len(reads) - len(fresh)

        ready: list[_Ready] = []
        started: dict[str, Future[NDArray[np.uint8] | ImageError]] = {}
        for read in fresh:
            sha256 = read.content.sha256
            vector = known.get(sha256)
            if vector is None and sha256 not in started:
                started[sha256] = preparers.submit(self._prepare, read)
            ready.append(_Ready(read, vector, None if vector is not None else started[sha256]))
        return ready

    def _prepare(self, read: _Read) -> NDArray[np.uint8] | ImageError:
        return caught(lambda: self._extraction.prepare(read.content, read.record.name))

    def _one_an_id(self, reads: Sequence[_Read]) -> list[_Read]:
        """Of records with one id in a chunk keeps the first; another *image* under the same id is a failure."""
        first: dict[str, _Read] = {}
        for read in reads:
            kept = first.setdefault(read.record.id, read)
            if kept is not read and kept.record.path != read.record.path:
                self._refuse(read, kept.record.name)
            elif kept is not read and kept.content.sha256 != read.content.sha256:
                reason = f"its id {read.record.id!r} is given to two different images: give each its own"
                self.report.failed.append(Failure(read.record.name, reason, ID_TAKEN, read.record.id))
            elif kept is not read:
                self.report.skipped += 1
        return list(first.values())

    def _stands_for_another_file(self, read: _Read, there: Mapping[str, Metadata]) -> bool:
        stored = there.get(read.record.id)
        if stored is None or read.path is None or stored.get("path") == read.path:
            return False
        other = _file_of(stored)
        if other is None or not other.exists() or other.samefile(_file(read.record.path)):
            return False  # the archive was moved: the id means the same image at its new place
        self._refuse(read, str(other))
        return True

    def _refuse(self, read: _Read, other: str) -> None:
        reason = f"its id {read.record.id!r} stands for another file, {other}: index from a folder above both"
        self.report.failed.append(Failure(read.record.name, reason, ID_TAKEN, read.record.id))

    def _stored(self, ids: Sequence[str]) -> dict[str, Metadata]:
        found = self._store.get(self._space.name, ids)
        return dict(zip(found.ids, found.metadata, strict=True))

    def _known_vectors(self, hashes: set[str]) -> dict[str, NDArray[np.float32]]:
        known: dict[str, NDArray[np.float32]] = {}
        if hashes:
            for batch in self._store.iterate(self._space.name, where={"sha256": sorted(hashes)}):
                known.update((str(m["sha256"]), v) for m, v in zip(batch.metadata, batch.vectors, strict=True))
        return known

    def _relabel(self, reads: Sequence[_Read]) -> None:
        if not reads:
            return
        found = self._store.get(self._space.name, [read.record.id for read in reads])
        self._upsert(found.ids, found.vectors, [read.metadata for read in reads])
        self.report.relabelled += len(reads)

    def _write(self, batch: Sequence[_Ready]) -> None:
        """Embeds what has no vector yet, and commits the batch."""
        pixels: dict[str, NDArray[np.uint8]] = {}
        good: list[_Ready] = []
        for ready in batch:
            outcome = ready.pixels.result() if ready.pixels is not None else None
            if isinstance(outcome, ImageError):
                record = ready.read.record
                self.report.failed.append(Failure(record.name, outcome.reason, outcome.code, record.id))
                continue
            good.append(ready)
            if outcome is not None:
                pixels.setdefault(ready.read.content.sha256, outcome)
        if not good:
            return
        made = dict(zip(pixels, self._extraction.extractor.embed(list(pixels.values())), strict=True)) if pixels else {}
        vectors = [ready.vector if ready.vector is not None else made[ready.read.content.sha256] for ready in good]
        self._upsert(
            [ready.read.record.id for ready in good], np.stack(vectors), [ready.read.metadata for ready in good]
        )
        self.report.indexed += len(good)
        self.report.reused += len(good) - len(made)

    def _upsert(self, ids: Sequence[str], vectors: NDArray[np.float32], metadata: Sequence[Metadata]) -> None:
        self._store.upsert(self._space.name, ids, vectors, metadata, fingerprint=self._space.fingerprint)


def _chunks(records: Iterable[ImageRecord], size: int) -> Iterator[list[ImageRecord]]:
    """Neighbours that are read together: at most ``size``, fewer where the files are large."""
    chunk: list[ImageRecord] = []
    weight = 0
    for record in records:
        if record.metadata.keys() & {"path", "sha256", "item"}:
            raise InvalidInputError(f"image {record.id!r}: the metadata fields path, sha256 and item are NearID's own")
        bytes_ = _size(record)
        if chunk and (len(chunk) == size or weight + bytes_ > _CHUNK_BYTES):
            yield chunk
            chunk, weight = [], 0
        chunk.append(record)
        weight += bytes_
    if chunk:
        yield chunk


def _read_ahead(
    pool: ThreadPoolExecutor, extraction: Extraction, chunks: Iterable[list[ImageRecord]]
) -> Iterator[list[tuple[ImageRecord, FileContent | ImageError]]]:
    """The chunks with their files' contents, one chunk ahead of the one being worked on."""

    def read(record: ImageRecord) -> tuple[ImageRecord, FileContent | ImageError]:
        return record, caught(lambda: extraction.read_record(record))

    def submit(chunk: list[ImageRecord]) -> list[Future[tuple[ImageRecord, FileContent | ImageError]]]:
        return [pool.submit(read, record) for record in chunk]

    submitted = None
    for chunk in chunks:
        following = submit(chunk)
        if submitted is not None:
            yield [future.result() for future in submitted]
        submitted = following
    if submitted is not None:
        yield [future.result() for future in submitted]


def _is_text(name: str) -> bool:
    """Whether a name can be stored; undecodable bytes of a file name cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _size(record: ImageRecord) -> int:
    if record.data is not None:
        return len(record.data)
    try:
        return Path(record.path).stat().st_size
    except OSError:
        return 0  # said when it is read


def _file(path: str) -> Path:
    return Path(split_frame_address(path)[0])


def _file_of(metadata: Metadata) -> Path | None:
    path = metadata.get("path")
    return _file(path) if isinstance(path, str) else None
