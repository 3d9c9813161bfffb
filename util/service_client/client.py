"""The client: one method for each thing that the service does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import numpy as np

from util.errors import InvalidInputError
from util.records import ImageRecord, SearchResult, SpaceInfo
from util.service_client import answers
from util.service_client.answers import Embedded, Extractor, Found, Identified, Indexed
from util.service_client.errors import ServiceRefusedError, ServiceUnreachableError
from util.service_client.images import AskedImage, Failed, Packed, batches, pack_queries, pack_records
from util.service_client.transport import Transport
from util.vector_store.filters import Condition, Range, Where

_Read = TypeVar("_Read")

_UNREADABLE = frozenset({"image_unreadable", "image_too_large"})


class NearIDClient:
    """Asks a NearID service. Use as a context manager, or call ``close``; one thread at a time.

    Images travel in requests of bounded size, however many are given. What the service is too busy for is asked again
    after the time it names; all methods but ``create_space`` may be repeated without harm, so they are sent again also
    where a connection broke.

    Args:
        url: of the service, such as ``http://localhost:4101``.
        api_key: where the service asks for one.
        timeout: seconds to wait for a connection, and for each answer.
        retries: how often a request is sent again.
        batch_size: most images of one request.

    Raises:
        InvalidInputError: if an argument cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: int = 4,
        batch_size: int = 16,
    ) -> None:
        if batch_size < 1:
            raise InvalidInputError(f"the batch size must be at least 1, not {batch_size}")
        self._transport = Transport(url, api_key=api_key, timeout=timeout, retries=retries)
        self._batch_size = batch_size

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._transport.url

    def index(
        self, space: str, images: Iterable[ImageRecord], *, extractor: str | None = None, create: bool = True
    ) -> Indexed:
        """Puts images into a space; ids that are there already are replaced, what has not changed costs nothing.

        Args:
            space: its name.
            images: local files by ``path``, or bytes by ``data``; an iterator is consumed as the work goes on.
            extractor: for a space that is made now; by default the service's own.
            create: makes the space where there is none.

        Returns:
            What was done; after an error the same call goes on where it stopped.

        Raises:
            NearIdError: what the service said of all images alike.
        """
        options = {"create": create} | ({} if extractor is None else {"extractor": extractor})
        failed: list[Failed] = []
        asked = self._ask(f"{_space(space)}/images", pack_records(images, failed), options, failed)
        parts = [self._read(answers.indexed, answer) for _, answer in asked]
        return Indexed(
            space,
            indexed=sum(part.indexed for part in parts),
            skipped=sum(part.skipped for part in parts),
            relabelled=sum(part.relabelled for part in parts),
            ids=tuple(id_ for part in parts for id_ in part.ids),
            failed=tuple(failed),
        )

    def search(
        self,
        space: str,
        images: Iterable[AskedImage],
        *,
        k: int = 10,
        where: Where | None = None,
        min_score: float | None = None,
        rerank: str | None = None,
    ) -> Found:
        """The k most similar images of a space to each image.

        Args:
            space: its name.
            images: paths, bytes, arrays, or places that the service reads from.
            k: hits a query.
            where: only images that match this filter.
            min_score: leaves out hits below this cosine similarity.
            rerank: re-ranker, or a chain of them, as ``nearid search --rerank`` takes it; scores are then its own.

        Raises:
            NearIdError: what the service said of all images alike.
        """
        options = {"k": k, "where": _where(where), "min_score": min_score, "rerank": rerank}
        failed: list[Failed] = []
        asked = self._ask(f"{_space(space)}/search", pack_queries(images, failed), options, failed)
        told = [self._read(_each(_result_and_evidence, "results"), answer) for _, answer in asked]
        pairs = [pair for some in told for pair in some]
        return Found(tuple(result for result, _ in pairs), tuple(failed), tuple(seen for _, seen in pairs))

    def identify(
        self,
        space: str,
        images: Iterable[AskedImage],
        *,
        threshold: float | None = None,
        one_item: bool = False,
        where: Where | None = None,
    ) -> Identified:
        """Says of each image whether it shows a known item, a new one, or that it is unsure.

        Args:
            space: its name.
            images: paths, bytes, arrays, or places that the service reads from.
            threshold: scores from here on are known; by default the space's calibration decides.
            one_item: all images show one item: they travel in one request and get one decision.
            where: only images that match this filter can be the answer.

        Raises:
            NearIdError: what the service said of all images alike.
        """
        options = {"threshold": threshold, "one_item": one_item, "where": _where(where)}
        failed: list[Failed] = []
        packed = pack_queries(images, failed)
        asked = self._ask(f"{_space(space)}/identify", packed, options, failed, together=one_item)
        decisions = [self._read(_each(answers.decision, "decisions"), answer) for _, answer in asked]
        return Identified(tuple(one for some in decisions for one in some), tuple(failed))

    def embed(
        self, images: Iterable[AskedImage], *, extractor: str | None = None, space: str | None = None
    ) -> Embedded:
        """Embeddings of images, which are stored nowhere.

        Args:
            images: paths, bytes, arrays, or places that the service reads from; at least one.
            extractor: by default the service's own.
            space: embeds as this space does; instead of an extractor.

        Raises:
            InvalidInputError: if there are no images.
            NearIdError: what the service said of all images alike.
        """
        given = {"extractor": extractor, "space": space}
        options = {"encoding": "base64"} | {name: value for name, value in given.items() if value is not None}
        failed: list[Failed] = []
        parts = [
            (batch, self._read(answers.embedded, answer))
            for batch, answer in self._ask(
                "/v1/embeddings", pack_queries(images, failed), options, failed
            )
        ]  # fmt: skip
        if not parts:
            listed = "; ".join(f"{one.name}: {one.error}" for one in failed[:3])
            raise InvalidInputError(f"no image could be embedded: {listed or 'none was given'}")
        positions = [batch[place].position for batch, part in parts for place in part.positions]
        vectors = np.concatenate([part.vectors for _, part in parts])
        first = parts[0][1]
        return Embedded(first.extractor, first.fingerprint, tuple(positions), vectors, tuple(failed))

    def delete(self, space: str, id_: str) -> bool:
        """Takes an image out of a space, and says whether it was there.

        Raises:
            SpaceNotFoundError: if there is no such space.
        """
        try:
            self._transport.call("DELETE", f"{_space(space)}/images/{quote(id_, safe='')}")
        except ServiceRefusedError as error:
            if error.service_code == "not_found":
                return False
            raise
        return True

    def spaces(self) -> list[SpaceInfo]:
        """All spaces, by name."""
        return self._read(_each(answers.space_info, "spaces"), self._transport.call("GET", "/v1/spaces"))

    def space(self, name: str) -> SpaceInfo:
        """One space.

        Raises:
            SpaceNotFoundError: if there is none of this name.
        """
        return self._read(answers.space_info, self._transport.call("GET", _space(name)))

    def create_space(self, name: str, *, extractor: str | None = None, index: str = "Flat") -> SpaceInfo:
        """Makes an empty space.

        Args:
            name: its name.
            extractor: by default the service's own.
            index: FAISS factory string of its search index; ``Flat`` is exact.

        Raises:
            SpaceExistsError: if the name is taken.
        """
        wanted = {"index": index} | ({} if extractor is None else {"extractor": extractor})
        return self._read(
            answers.space_info, self._transport.call("POST", _space(name), json=wanted, repeatable=False)
        )  # fmt: skip

    def drop_space(self, name: str) -> None:
        """Removes a space and everything in it.

        Raises:
            SpaceNotFoundError: if there is none of this name.
        """
        self._transport.call("DELETE", _space(name))

    def extractors(self) -> list[Extractor]:
        """The extractors that the service knows."""
        return self._read(_each(answers.extractor, "extractors"), self._transport.call("GET", "/v1/extractors"))

    def healthy(self) -> bool:
        """Whether the service is there and alive."""
        return self._says_yes("/health")

    def ready(self) -> bool:
        """Whether its store and its extractor are there, so that it can answer."""
        return self._says_yes("/ready")

    def close(self) -> None:
        """Lets go of the connections. Calling it twice does no harm."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self,
        path: str,
        images: Iterable[Packed],
        options: Mapping[str, Any],
        failed: list[Failed],
        *,
        together: bool = False,
    ) -> Iterator[tuple[list[Packed], Any]]:
        """Sends images batch by batch and gives the answers; notes the images that the service could not read."""
        given = {name: value for name, value in options.items() if value is not None}
        for batch in [list(images)] if together else batches(images, self._batch_size):
            if not batch:
                continue
            body = {**given, "images": [image.body for image in batch]}
            try:
                answer = self._transport.call("POST", path, json=body)
            except ServiceRefusedError as error:
                if error.service_code not in _UNREADABLE:
                    raise
                failed += self._read(_unreadable, error.detail)
                continue
            failed += self._read(lambda told: answers.failures(told["failed"]), answer)
            yield batch, answer

    def _read(self, read: Callable[[Any], _Read], answer: object) -> _Read:
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceUnreachableError(
                f"{self._transport.url} does not answer as a NearID service of this version does"
            ) from error

    def _says_yes(self, path: str) -> bool:
        try:
            status, _ = self._transport.status(path)
        except ServiceUnreachableError:
            return False
        return status == 200


def _space(name: str) -> str:
    return f"/v1/spaces/{quote(name, safe='')}"


def _where(where: Where | None) -> dict[str, Any] | None:
    return {name: _condition(condition) for name, condition in where.items()} if where else None


def _condition(condition: Condition) -> object:
    if isinstance(condition, Range):
        return {end: value for end, value in asdict(condition).items() if value is not None}
    return condition if isinstance(condition, str | int | float) else list(condition)


def _each(read: Callable[[Any], _Read], field: str) -> Callable[[Any], list[_Read]]:
    return lambda told: [read(one) for one in told[field]]


def _result_and_evidence(told: Mapping[str, Any]) -> tuple[SearchResult, Mapping[str, Mapping[str, Any]]]:
    return answers.search_result(told), answers.evidence(told)


def _unreadable(detail: Any) -> Sequence[Failed]:
    return [Failed(one["name"], one["message"]) for one in detail["failed"]]
