"""What a gallery shows: the item, file and bytes of every image of a space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from util.evaluation.ranking import own_images
from util.vector_store.base import VectorStore


@dataclass(frozen=True, slots=True)
class ShownGallery:
    """What is known of the images of a space.

    Attributes:
        items: label of every image by id; ``None`` where it has none.
        paths: its file; its id where it came from no file.
        contents: sha256 of its bytes; its id where that was not kept.
    """

    items: dict[str, str | None]
    paths: dict[str, str]
    contents: dict[str, str]

    @classmethod
    def of(cls, store: VectorStore, space: str) -> Self:
        """Reads the metadata of all images."""
        shown = cls({}, {}, {})
        for batch in store.iterate(space):
            for id_, metadata in zip(batch.ids, batch.metadata, strict=True):
                item = metadata.get("item")
                shown.items[id_] = item if isinstance(item, str) else None
                shown.paths[id_] = str(metadata.get("path", id_))
                shown.contents[id_] = str(metadata.get("sha256", id_))
        return shown

    def copies(self, contents: Sequence[str]) -> list[frozenset[str]]:
        """For each query, the ids of images of the same bytes: those must not count for it.

        Args:
            contents: sha256 of each query's bytes.
        """
        return own_images(query_contents=contents, gallery_contents=self.contents)
