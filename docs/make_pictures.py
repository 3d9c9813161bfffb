"""Draws ``near_identical.jpg``, ``augmentation.jpg`` and ``report.jpg`` in ``docs/pictures``.

    python docs/make_pictures.py [--grocery ../shared/data/grocery]

The first two need nothing. The third is a screenshot of the HTML report on the Grocery Store Dataset (``nearid dataset
fetch grocery DIR``), taken by Chromium; where data set or browser is missing it is left out, and the script says so.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from util.benchmark.evaluating import evaluate_system
from util.datasets import read_dataset, split_stratified, synthesize
from util.image_extract import load
from util.images import read_image
from util.plots.grids import Shown, hit_grid, image_strip
from util.records import ImageRecord
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.search.similar import find_similar
from util.training.augmentation import LEVELS, AugmentationConfig, Augmenter
from util.vector_store import open_store

PICTURES = Path(__file__).parent / "pictures"
FAMILY = "carton-01"
WIDTH = 1400
REPORT_SIZE = (1200, 1245)  # as far as the first row of confusions
VIEWS = 8
DISC = 0.8  # radius of the cut-out, of half the photo's side
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def draw_near_identical(target: Path) -> None:
    """One family of items, what each differs in, and below it a query with its hits."""
    with tempfile.TemporaryDirectory(prefix="nearid-") as directory:
        folder = Path(directory)
        photos = synthesize(folder / "photos", families=3, items_per_family=5, photos_per_item=8, severity=0.3)
        upper = _draw_family(folder / "photos")
        lower = _draw_hits(photos, folder / "pictures.db")
    _save(_stacked([_pixels(upper), _pixels(lower)]), target)


def _draw_family(folder: Path) -> Figure:
    items = json.loads((folder / "items.json").read_text(encoding="utf-8"))["items"]
    views = [
        Shown(read_image(folder / item["catalogue"]), "; ".join(d["words"] for d in item["differences"]) or "plain")
        for item in items
        if item["family"] == FAMILY
    ]
    return image_strip(views, title="Five items, nearly identical")


def _draw_hits(photos: list[ImageRecord], database: Path) -> Figure:
    parts = split_stratified(photos, {"gallery": 0.75, "queries": 0.25}, seed=0)
    asked = [next(photo for photo in parts["queries"] if photo.item == f"{FAMILY}-{item:02d}") for item in (0, 1)]
    with open_store(f"embedded:{database}") as store:
        extraction = Extraction(load("color_texture"))
        space = index_images(parts["gallery"], extraction=extraction, store=store).space
        found = find_similar([photo.path for photo in asked], extraction=extraction, store=store, space=space, k=5)
    rows = [
        (
            Shown(read_image(photo.path), f"query: {photo.item}"),
            [
                Shown(read_image(str(hit.metadata["path"])), f"{hit.item} {hit.score:.2f}", hit.item == photo.item)
                for hit in result
            ],
        )
        for photo, result in zip(asked, found.results, strict=True)
    ]
    return hit_grid(rows, title="Two photos, and the most similar ones in the gallery by colours and edges alone")


def draw_augmentation(target: Path) -> None:
    """Views of one synthetic photo, a row for each level; the last row is of a cut-out on new backgrounds."""
    with tempfile.TemporaryDirectory(prefix="nearid-") as directory:
        photos = synthesize(Path(directory), families=3, items_per_family=1, photos_per_item=1, severity=0.3)
        photo, *others = (read_image(record.path) for record in photos)
    levels = {level: AugmentationConfig.at_level(level) for level in LEVELS}
    views = {level: _views(photo, config) for level, config in levels.items()}
    disc = np.hypot(*np.mgrid[-1 : 1 : photo.shape[0] * 1j, -1 : 1 : photo.shape[1] * 1j]) < DISC
    cut_out = np.dstack([photo, np.where(disc, 255, 0).astype(np.uint8)])
    views["standard, of a cut-out"] = _views(cut_out, levels["standard"], backgrounds=others)
    rows = [image_strip([Shown(view) for view in row], title=name) for name, row in views.items()]
    _save(_stacked([_pixels(row) for row in rows]), target)


def _views(image: NDArray[np.uint8], config: AugmentationConfig, **places: Any) -> list[NDArray[np.uint8]]:
    augment = Augmenter(config, size=(128, 128), **places)
    return [augment(image, seed) for seed in range(VIEWS)]


def photograph_report(target: Path, grocery: Path) -> str:
    """The upper part of the HTML report on Grocery; says what is missing, if anything, and else nothing."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return f"none of {', '.join(BROWSERS)} is installed"
    if not (grocery / "train.txt").exists():
        return f"the Grocery Store Dataset is not in {grocery}"
    with tempfile.TemporaryDirectory(prefix="nearid-") as directory:
        folder = Path(directory)
        with open_store(f"embedded:{folder / 'pictures.db'}") as store:
            report = evaluate_system(
                read_dataset(grocery / "test.txt"),
                gallery=read_dataset(grocery / "train.txt"),
                extraction=Extraction(load("color_texture")),
                store=store,
                space="color_texture",
                out=folder,
            ).report
        shot = folder / "report.png"
        size = ",".join(map(str, REPORT_SIZE))
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}"]
        command = [browser, *options, f"--screenshot={shot}", f"file://{report}"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - the page is our own
        _save(Image.open(shot).convert("RGB"), target)
    return ""


def _pixels(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=WIDTH / figure.get_figwidth())
    return Image.open(buffer).convert("RGB")


def _stacked(images: list[Image.Image]) -> Image.Image:
    canvas = Image.new("RGB", (WIDTH, sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        canvas.paste(image, (0, top))
        top += image.height
    return canvas


def _save(image: Image.Image, target: Path) -> None:
    image.save(target, quality=80, optimize=True, progressive=True)
    print(f"{target}: {image.width} x {image.height} pixels, {target.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Draws all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--grocery", type=Path, default=Path("../shared/data/grocery"), help="the Grocery Store Dataset"
    )
    grocery = parser.parse_args().grocery
    draw_near_identical(PICTURES / "near_identical.jpg")
    draw_augmentation(PICTURES / "augmentation.jpg")
    if missing := photograph_report(PICTURES / "report.jpg", grocery):
        print(f"report.jpg is left as it is: {missing}")


if __name__ == "__main__":
    main()
