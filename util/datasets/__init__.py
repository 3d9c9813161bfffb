"""Data sets: reading, splitting, downloading, synthesizing.

    from util.datasets import read_dataset, split_stratified

    records = read_dataset("photos")  # one folder an item
    parts = split_stratified(records, {"train": 0.8, "test": 0.2}, seed=0)

``util.datasets.synthesis`` and ``util.datasets.downloads`` are imported by those who need them.
"""

from util.datasets.meta import write_meta
from util.datasets.reading import ItemFrom, iter_dataset, read_dataset
from util.datasets.splits import hold_out_items, split_item_disjoint, split_stratified, with_content_hashes
from util.datasets.tables import write_csv

__all__ = [
    "ItemFrom",
    "hold_out_items",
    "iter_dataset",
    "read_dataset",
    "split_item_disjoint",
    "split_stratified",
    "with_content_hashes",
    "write_csv",
    "write_meta",
]
