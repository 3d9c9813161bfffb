"""Contact sheets: one row an item, its catalogue view and some photos, with what it differs in below."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from util.datasets.synthesis.typography import font
from util.errors import DatasetError
from util.images import read_image

_CAPTION = 24
_INK = (40, 40, 40)


def contact_sheet(
    directory: Path | str, *, items: list[str] | None = None, photos: int = 5, tile: int = 160
) -> NDArray[np.uint8]:
    """A picture of a synthetic data set.

    Args:
        directory: as ``synthesize`` wrote it.
        items: names of the items to show, one row each; all without it.
        photos: photos of each item, beside its catalogue view.
        tile: width and height of each picture in pixels.

    Returns:
        uint8 (H, W, 3) RGB, H = rows * (tile + 24), W = (photos + 1) * tile.

    Raises:
        DatasetError: if the folder holds no synthetic items, or none of these names.
    """
    folder = Path(directory)
    try:
        rows = json.loads((folder / "items.json").read_text(encoding="utf-8"))["items"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{folder}: holds no synthetic items: make them with `nearid dataset synthesize`") from error
    chosen = [row for row in rows if items is None or row["item"] in items]
    if not chosen:
        raise DatasetError(
            f"{folder}: has none of the items {items}; there are {', '.join(row['item'] for row in rows)}"
        )
    sheet = Image.new("RGB", ((photos + 1) * tile, len(chosen) * (tile + _CAPTION)), "white")
    for place, row in enumerate(chosen):
        top = place * (tile + _CAPTION)
        shown = [folder / row["catalogue"], *sorted((folder / "images" / row["item"]).glob("*.jpg"))[:photos]]
        for column, path in enumerate(shown):
            picture = Image.fromarray(read_image(path)).resize((tile, tile), Image.Resampling.LANCZOS)
            sheet.paste(picture, (column * tile, top))
        words = "; ".join(difference["words"] for difference in row["differences"]) or "the first of its family"
        caption = textwrap.shorten(f"{row['item']}: {words}", width=(photos + 1) * tile // 7, placeholder=" …")
        ImageDraw.Draw(sheet).text((4, top + tile + 4), caption, fill=_INK, font=font("plain", 13))
    return np.asarray(sheet)
