"""Views of an image for training, each settled by its seed."""

from __future__ import annotations

import random as python_random
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from util.errors import InvalidInputError
from util.preprocess.framing import resize_area
from util.preprocess.pixels import Image, flatten, has_alpha, require_feasible, require_image
from util.training.augmentation.backgrounds import composite, draw_background
from util.training.augmentation.config import AugmentationConfig
from util.training.augmentation.views import draw_corners, take_view

if TYPE_CHECKING:
    import albumentations


class Augmenter:
    """Makes views: moved and cut first, at the final size, so that all later steps are cheap.

    Two calls with the same image and seed give the same view in any thread and process. An augmenter can be pickled
    and used from several threads at once. The first call imports albumentations, which takes seconds.

    Args:
        config: how strongly views are changed.
        size: (height, width) of the views; without it each view has the size of its image.
        backgrounds: uint8 H×W×3 photos of places to put cut-outs in.

    Raises:
        InvalidInputError: if the size or a background cannot be used.

    >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> bool((Augmenter(AugmentationConfig.none())(image, seed=1) == image).all())
    True
    """

    def __init__(
        self,
        config: AugmentationConfig,
        *,
        size: tuple[int, int] | None = None,
        backgrounds: Sequence[Image] = (),
    ) -> None:
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise InvalidInputError(f"the size of views is (height, width) of at least 1 pixel each, not {size}")
        for background in backgrounds:
            require_image(background)
            if has_alpha(background):
                raise InvalidInputError("a background must be RGB: uint8 H×W×3, not RGBA")
        self.config, self.size, self.backgrounds = config, size, tuple(backgrounds)
        self._own = threading.local()

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config, "size": self.size, "backgrounds": self.backgrounds}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._own = threading.local()

    def __call__(self, image: Image, seed: int) -> Image:
        """One view.

        Args:
            image: uint8 H×W×3 (RGB) or H×W×4 (RGBA, a cut-out).
            seed: at least 0.

        Returns:
            uint8 h×w×3 RGB; h×w×4 where the image is RGBA and the configuration keeps alpha.

        Raises:
            InvalidInputError: if the image or the seed cannot be used.
        """
        require_image(image)
        if seed < 0:
            raise InvalidInputError(f"the seed of a view must be at least 0, not {seed}")
        height, width = self.size or image.shape[:2]
        require_feasible(height, width, image, "augmentation")
        random = np.random.default_rng(seed)
        view = self._framed(image, height, width, random)
        if has_alpha(view) and self.config.keep_alpha:
            return np.dstack([self._photographed(view[..., :3], seed, random), view[..., 3]])
        return self._photographed(self._on_a_background(view, random), seed, random)

    def _framed(self, image: Image, height: int, width: int, random: np.random.Generator) -> Image:
        if not self.config.moves:
            resized = resize_area(image, height=height, width=width)
            return resized.copy() if resized is image else resized
        corners = draw_corners(*image.shape[:2], config=self.config, random=random)
        return take_view(image, corners, height=height, width=width)

    def _on_a_background(self, view: Image, random: np.random.Generator) -> Image:
        if not has_alpha(view):
            return view
        if random.random() >= self.config.new_background:
            return flatten(view, background=self.config.plain_background)
        return composite(view, draw_background(*view.shape[:2], random=random, photos=self.backgrounds))

    def _photographed(self, view: Image, seed: int, random: np.random.Generator) -> Image:
        steps = self._steps(min(view.shape[:2]))
        # Not set_random_seed: it starts every step from the same seed, so all steps of one chance happen together.
        steps.set_random_state(random, python_random.Random(int(seed)))  # noqa: S311 - nothing secret is drawn
        changed: Image = steps(image=np.ascontiguousarray(view))["image"]
        return changed

    def _steps(self, shorter_side: int) -> albumentations.Compose:
        """This thread's own pipeline: albumentations keeps random state and last parameters in its transforms."""
        from util.training.augmentation.photography import photograph

        pipelines: dict[int, albumentations.Compose] = self._own.__dict__.setdefault("pipelines", {})
        if shorter_side not in pipelines:
            pipelines[shorter_side] = photograph(self.config, shorter_side=shorter_side)
        return pipelines[shorter_side]
