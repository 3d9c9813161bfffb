"""Data sets: reading, splitting, fetching, synthesizing.

from util.datasets import read_dataset, split_stratified

records = read_dataset("photos")  # one folder an item
parts = split_stratified(records, {"train": 0.8, "test": 0.2}, seed=0)
"""

from typing import TYPE_CHECKING

from util.datasets.meta import write_meta
from util.datasets.reading import ItemFrom, iter_dataset, read_dataset
from util.datasets.splits import hold_out_items, split_item_disjoint, split_stratified, with_content_hashes
from util.datasets.tables import write_csv

if TYPE_CHECKING:
    from util.datasets.downloads import fetch
    from util.datasets.synthesis.generate import synthesize

__all__ = [
    "ItemFrom",
    "fetch",
    "hold_out_items",
    "iter_dataset",
    "read_dataset",
    "split_item_disjoint",
    "split_stratified",
    "synthesize",
    "with_content_hashes",
    "write_csv",
    "write_meta",
]


def __getattr__(name: str) -> object:
    # Drawing needs OpenCV and fetching needs requests; reading a folder should wait for neither.
    if name == "fetch":
        from util.datasets.downloads import fetch

        return fetch
    if name == "synthesize":
        from util.datasets.synthesis.generate import synthesize

        return synthesize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
