"""Draws ``docs/pictures/synthetic.jpg``: some synthetic items, what they differ in, and photos of them.

python docs/pictures/synthetic.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from util.datasets import synthesize
from util.datasets.synthesis import contact_sheet

ITEMS = [f"{family}-{item:02d}" for family in ("bottle-02", "carton-02", "box-02") for item in range(4)]

with tempfile.TemporaryDirectory() as folder:
    synthesize(folder, families=6, items_per_family=4, photos_per_item=5, seed=1)
    sheet = contact_sheet(folder, items=ITEMS, photos=5, tile=136)
Image.fromarray(sheet).save(Path(__file__).with_suffix(".jpg"), quality=78, optimize=True)
