"""Synthetic photos of nearly identical items, with ground truth, for demonstrations and tests.

    from util.datasets.synthesis import synthesize

    records = synthesize("data/demo", families=6, items_per_family=5, photos_per_item=8)

From design to file: ``families`` draws designs and the small differences between them (``design``, ``vocabulary``);
``labels``, ``marks``, ``typography`` and ``damage`` paint their prints (``textures``); ``shapes`` and ``packs`` put
them on bottles and boxes (``surface``); ``shading`` lights these; ``scene`` sets them before ``backgrounds`` and behind
``occluders``; ``shots`` draws the circumstances of a photo, ``photography`` and ``photos`` take it, and ``generate``
writes the files.
"""

from util.datasets.synthesis.generate import synthesize
from util.datasets.synthesis.sheet import contact_sheet

__all__ = ["contact_sheet", "synthesize"]
