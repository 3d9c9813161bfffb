"""Documents into Vearch: bounded requests, each document's own confirmation, and a clear account of a failure."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence

from util.errors import PartialWriteError, StoreError
from util.vector_store.vearch.answers import PassingError
from util.vector_store.vearch.documents import Document
from util.vector_store.vearch.remote_space import RemoteSpace

MOST_DOCUMENTS = 500
MOST_BYTES = 8 * 2**20

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


def write(
    space: RemoteSpace,
    documents: Iterable[Document],
    *,
    patience: float,
    most_documents: int = MOST_DOCUMENTS,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Writes documents with distinct ids, replacing those whose id is there.

    Args:
        space: where to.
        documents: what to write.
        patience: seconds to repeat documents that Vearch could not take for the moment.
        most_documents: how many travel in a request.
        most_bytes: how large a request may be; a larger document travels alone.

    Raises:
        PartialWriteError: if some documents were confirmed and others were not; the latter may or may not be there.
        StoreError: if none was.
    """
    confirmed: list[str] = []
    batches = list(_batches(documents, most_documents, most_bytes))
    for place, batch in enumerate(batches):
        failed: dict[str, StoreError]
        try:
            failed = _write_batch(space, batch, patience)
        except StoreError as error:
            failed = dict.fromkeys((document.id for document in batch), error)
        confirmed += [document.id for document in batch if document.id not in failed]
        if failed:
            waiting = [document.id for later in batches[place + 1 :] for document in later]
            first, reason = next(iter(failed.items()))
            if not confirmed and len({str(error) for error in failed.values()}) == 1:
                raise reason
            raise PartialWriteError(
                space.name, confirmed=confirmed, unconfirmed=[*failed, *waiting], reason=f"{first!r}: {reason}"
            ) from reason


def _write_batch(space: RemoteSpace, batch: Sequence[Document], patience: float) -> dict[str, StoreError]:
    """Writes a batch; says what was wrong with which document."""
    give_up = time.monotonic() + patience
    pause = _FIRST_PAUSE
    failed: dict[str, StoreError] = {}
    waiting = list(batch)
    while waiting:
        outcomes = zip(waiting, space.upsert(waiting), strict=True)
        refused = {document: error for document, error in outcomes if error is not None}
        failed |= {document.id: error for document, error in refused.items() if not isinstance(error, PassingError)}
        waiting = [document for document, error in refused.items() if isinstance(error, PassingError)]
        if waiting and time.monotonic() + pause > give_up:
            return failed | {document.id: refused[document] for document in waiting}
        if waiting:
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - only spreads load
            pause = min(pause * 2, _LONGEST_PAUSE)
    return failed


def _batches(documents: Iterable[Document], most: int, most_bytes: int) -> Iterator[list[Document]]:
    batch: list[Document] = []
    weight = 0
    for document in documents:
        if batch and (len(batch) == most or weight + len(document.json) > most_bytes):
            yield batch
            batch, weight = [], 0
        batch.append(document)
        weight += len(document.json)
    if batch:
        yield batch
