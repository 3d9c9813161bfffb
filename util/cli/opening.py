"""From options and settings to the things a command works with."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import InvalidInputError, SpaceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from util.image_extract.base import Extractor
    from util.images import ImageLimits
    from util.search.extraction import Extraction
    from util.search.reranking import ReRanking
    from util.vector_store.base import VectorStore
    from util.verification.base import Verifier


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose on the command line; ``None`` leaves it to the settings."""

    store: str | None = None
    space: str | None = None
    extractor: str | None = None
    recipe: str | None = None
    device: str | None = None
    batch_size: int | None = None
    workers: int | None = None


@contextmanager
def opened_store(url: str | None) -> Iterator[VectorStore]:
    """The store of the URL, or of the settings, closed at the end."""
    from config.settings import load_settings
    from util.vector_store import open_store

    with open_store(url or load_settings().store) as store:
        yield store


@contextmanager
def passing_store() -> Iterator[VectorStore]:
    """An empty store that is gone afterwards: a look at some photos is no reason to fill the catalogue."""
    with (
        tempfile.TemporaryDirectory(prefix="nearid-") as directory,
        opened_store(f"embedded:{Path(directory) / 'passing.db'}") as store,
    ):
        yield store


def limits(settings: Settings) -> ImageLimits:
    """The largest image that is read."""
    from util.images import ImageLimits

    return ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)


def extraction_for_writing(choices: Choices) -> Extraction:
    """The extractor chosen by name."""
    from config.settings import load_settings
    from util.image_extract import load

    settings = load_settings()
    extractor = load(
        choices.extractor or settings.extractor,
        recipe=choices.recipe,
        device=choices.device or settings.device,
        models_dir=settings.models_dir,
    )
    return _extraction(extractor, choices, settings)


def extraction_for_indexing(choices: Choices, store: VectorStore) -> Extraction:
    """The extractor chosen by name; for a reduced space that is there already, followed by the space's projection."""
    from util.search.projected import as_in_space
    from util.search.projection import PROJECTION

    if choices.space is None:
        return extraction_for_writing(choices)
    try:
        info = store.info(choices.space)
    except SpaceNotFoundError:
        return extraction_for_writing(choices)
    if PROJECTION in info.attributes:  # it can only be extended by the extractor that it was made with
        choices = replace(choices, extractor=choices.extractor or info.extractor, recipe=choices.recipe or info.recipe)
    extraction = extraction_for_writing(choices)
    return replace(extraction, extractor=as_in_space(extraction.extractor, info))


def extraction_for_space(choices: Choices, store: VectorStore, space: str) -> Extraction:
    """The extractor that made a space; naming another one is an error that says so."""
    from config.settings import load_settings
    from util.search.similar import extractor_of

    settings = load_settings()
    info = store.info(space)
    if choices.extractor is not None and choices.extractor != info.extractor:
        raise InvalidInputError(
            f"space {space!r} was made with the extractor {info.extractor!r}, not {choices.extractor!r}: "
            "leave --extractor out, or name another --space"
        )
    extractor = extractor_of(info, device=choices.device or settings.device, models_dir=settings.models_dir)
    return _extraction(extractor, choices, settings)


def chosen_verifier(name: str | None, choices: Choices, *, threshold: float | None) -> Verifier | None:
    """The verifier of the name, if one is wanted.

    Raises:
        UnknownVerifierError: if there is none of this name.
        InvalidInputError: if there is a threshold for no verifier.
    """
    from config.settings import load_settings
    from util.verification import load_verifier

    if name is None:
        if threshold is not None:
            raise InvalidInputError("--verify-threshold is that of a verifier: name one with --verifier")
        return None
    settings = load_settings()
    device = choices.device or settings.device
    return load_verifier(name, models_dir=settings.models_dir, device=device, threshold=threshold)


def chosen_reranking(text: str | None, *, device: str | None = None) -> ReRanking | None:
    """The re-ranker, or chain of them, that a text names, if one is wanted.

    Args:
        text: as ``build_reranker`` reads it.
        device: where the network of an extractor runs that a re-ranker asks for.

    Raises:
        UnknownReRankerError: if there is none of a name.
        UnknownExtractorError: if one asks for an extractor that does not exist.
        InvalidInputError: if the text cannot be read.
    """
    from config.settings import load_settings
    from util.image_extract import load
    from util.rerank import build_reranker
    from util.rerank.second_look import SecondLook
    from util.search.reranking import ReRanking

    if text is None:
        return None
    settings = load_settings()
    reranker = build_reranker(
        text,
        cache_dir=settings.cache_dir / "rerank" if settings.cache_dir is not None else None,
        cache_bytes=settings.rerank_cache_bytes,
        load_extractor=partial(load, device=device or settings.device, models_dir=settings.models_dir),
    )
    for step in reranker.steps:
        if isinstance(step, SecondLook):
            refuse_unknown_extractor(step.extractor)
    return ReRanking(reranker)


def refuse_unknown_extractor(name: str) -> None:
    """Refuses a name that no extractor goes by, before any work is done; loads nothing.

    Raises:
        UnknownExtractorError: lists those there are.
    """
    from config.settings import load_settings
    from util.image_extract import available, load

    models_dir = load_settings().models_dir
    if name not in available(models_dir) and not name.startswith("timm:"):
        load(name, models_dir=models_dir)  # says which ones there are


def choose_space(choices: Choices, store: VectorStore) -> str:
    """The space named, else the one called after the extractor named, else the only one there is.

    Raises:
        SpaceNotFoundError: if that leaves none, or several.
    """
    from config.settings import load_settings

    if choices.space is not None:
        return store.info(choices.space).name
    names = [info.name for info in store.list_spaces()]
    wanted = choices.extractor or load_settings().extractor
    if wanted in names:
        return wanted
    if len(names) == 1 and choices.extractor is None:
        return names[0]
    if not names:
        raise SpaceNotFoundError(f"the store {store.url} is empty: index some photos first (nearid index PATH)")
    raise SpaceNotFoundError(f"no space named {wanted!r} in {store.url}: choose one with --space ({', '.join(names)})")


def _extraction(extractor: Extractor, choices: Choices, settings: Settings) -> Extraction:
    from util.preprocess.cache import PreprocessCache
    from util.search.extraction import Extraction

    return Extraction(
        extractor,
        batch_size=choices.batch_size or settings.batch_size,
        workers=choices.workers or settings.workers,
        limits=limits(settings),
        allow_urls=settings.allow_urls,
        cache=PreprocessCache(Path(settings.cache_dir)) if settings.cache_dir is not None else None,
    )
