"""The extractors that the service holds: each loaded once, and shared by all requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from util.errors import FingerprintMismatchError, UnknownExtractorError
from util.image_extract import describe, load
from util.image_extract._describing import ExtractorInfo
from util.image_extract.base import Extractor
from util.records import SpaceInfo
from util.search.projected import as_in_space
from vearch_plugin.batching import Batcher
from vearch_plugin.errors import UnavailableError

Key: TypeAlias = tuple[str, str]
"""Name and recipe of an extractor."""

_READY = ("none needed", "present")


class LoadedExtractors:
    """Extractors by name and recipe.

    Args:
        models_dir: folder of trained weights and their cards.
        device: where networks run.
        most: how many may be loaded; their memory is not given back before the service ends.
        batcher: puts a loaded extractor behind a queue.
    """

    def __init__(self, *, models_dir: Path, device: str, most: int, batcher: Callable[[Extractor], Batcher]) -> None:
        self._options: dict[str, Any] = {"device": device, "models_dir": models_dir}
        self._most, self._batcher = most, batcher
        self._loaded: dict[Key, Batcher] = {}
        self._own_recipe: dict[str, Key] = {}
        self._loading = threading.Lock()

    @property
    def all(self) -> list[Batcher]:
        """Those loaded by now."""
        return list(self._loaded.values())

    def has(self, name: str) -> bool:
        """Whether the extractor of a name is loaded."""
        return name in self._own_recipe

    def named(self, name: str) -> Batcher:
        """The extractor of a name, with its own recipe. Nothing is downloaded for it.

        Raises:
            UnknownExtractorError: if there is none of this name that has all it needs.
            ExtractorUnavailableError: if it cannot be loaded.
            UnavailableError: if no more may be loaded.
        """
        if name not in self._own_recipe:
            with self._loading:
                self._load_named(name)
        return self._loaded[self._own_recipe[name]]

    def chosen(self, name: str) -> Batcher:
        """The extractor that who runs the service has chosen: any that can be loaded, if need be downloaded.

        Raises:
            UnknownExtractorError: if there is none of this name; lists those there are.
            ExtractorUnavailableError: if it cannot be loaded.
        """
        if name not in self._own_recipe:
            with self._loading:
                if name not in self._own_recipe:
                    extractor = load(name, **self._options)
                    key = (name, str(extractor.recipe))
                    if key not in self._loaded:
                        self._loaded[key] = self._batcher(extractor)
                    self._own_recipe[name] = key
        return self._loaded[self._own_recipe[name]]

    def of_space(self, info: SpaceInfo) -> Batcher:
        """The extractor that made a space, without the projection that it keeps if it is a reduced one.

        Spaces that were reduced from one share its extractor, and a pass over the images of requests to any of them.

        Raises:
            FingerprintMismatchError: if its weights, recipe or projection are no longer what they were.
            StoreError: if the projection is damaged.
            ExtractorUnavailableError: if it cannot be loaded.
            UnavailableError: if no more may be loaded.
        """
        key = (info.extractor, info.recipe)
        if key not in self._loaded:
            with self._loading:
                self._load_once(key)
        batcher = self._loaded[key]
        fingerprint = as_in_space(batcher.extractor, info).fingerprint
        if fingerprint != info.fingerprint:
            raise FingerprintMismatchError(info.name, info.fingerprint, fingerprint)
        return batcher

    def described(self) -> list[ExtractorInfo]:
        """What there is; see ``util.image_extract.describe``."""
        return describe(self._options["models_dir"])

    def close(self) -> None:
        """Finishes what waits for a forward pass."""
        for batcher in self.all:
            batcher.close()

    def _load_named(self, name: str) -> None:
        if name in self._own_recipe:  # somebody else has loaded it meanwhile
            return
        described = describe(self._options["models_dir"], name=name)
        if not described or described[0].weights not in _READY:
            # Naming them here would import them all: /v1/extractors does that for who asks.
            raise UnknownExtractorError(f"no extractor {name!r} is ready here: /v1/extractors lists those there are")
        key = (name, described[0].recipe)
        self._load_once(key)
        self._own_recipe[name] = key

    def _load_once(self, key: Key) -> None:
        if key in self._loaded:
            return
        if len(self._loaded) >= self._most:
            raise UnavailableError(f"{self._most} extractors are loaded, and no more may be: use one of them")
        name, recipe = key
        self._loaded[key] = self._batcher(load(name, recipe=recipe, **self._options))
