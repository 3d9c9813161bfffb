"""CIFAR-10 as folders of photos, read by torchvision's own loader."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from util.errors import DatasetError
from util.images.writing import write_image

_ARCHIVE_FOLDER = "cifar-10-batches-py"


def unpack_cifar10(folder: Path) -> None:
    """Writes CIFAR-10's pictures of 32×32 pixels to ``train/CLASS`` and ``test/CLASS`` in place of its six batches.

    The batches are pickles. torchvision opens them only when their MD5 sums are the published ones.

    Args:
        folder: where ``cifar-10-batches-py`` lies.

    Raises:
        DatasetError: if the batches are not those of CIFAR-10.
    """
    from torchvision.datasets import CIFAR10

    for part, is_training in (("train", True), ("test", False)):
        try:
            pictures = CIFAR10(folder, train=is_training, download=False)
        except RuntimeError as error:
            raise DatasetError(f"{folder}: its files are not those of CIFAR-10 ({error})") from error
        for name in pictures.classes:
            (folder / part / name).mkdir(parents=True)
        for number, (pixels, label) in enumerate(zip(pictures.data, pictures.targets, strict=True)):
            write_image(folder / part / pictures.classes[label] / f"{number:05d}.png", np.ascontiguousarray(pixels))
    shutil.rmtree(folder / _ARCHIVE_FOLDER)
