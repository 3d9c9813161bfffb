"""The one table of the steps that a recipe can name: what each takes and which function does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from util.preprocess import framing, pixels
from util.preprocess.channels import KINDS, nine_channels
from util.preprocess.grammar import Choice, Flag, Kind, Name, Number, Size, Value, shape_of
from util.preprocess.pixels import Image

Shape: TypeAlias = tuple[int, int] | None
"""(height, width) of all images at this point of a recipe, where it is the same for all."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """What a step of one name takes and does.

    Attributes:
        summary: one line for a person.
        run: ``run(image, value, **parameters)``; the parameters have the names of the recipe.
        value: what may follow ``name=``; ``None`` where nothing may.
        value_needed: whether the step has to be given a value.
        parameters: what may follow as ``:key=value``.
        shape: (value, shape before) → shape after.
        channels: how many the image has after it. What has more than a picture's three must be the last step.
    """

    summary: str
    run: Callable[..., Image]
    value: Kind | None = None
    value_needed: bool = False
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    shape: Callable[[Any, Shape], Shape] = lambda _, before: before
    channels: int = 3


def _square_of(before: Shape) -> Shape:
    return before and (max(before), max(before))


def _resize(image: Image, size: Value) -> Image:
    height, width = shape_of(str(size))
    return framing.resize_area(image, height=height, width=width)


def _center(image: Image, size: Value) -> Image:
    height, width = shape_of(str(size))
    return framing.center_crop(image, height=height, width=width)


def _remove_background(image: Image, method: Value, **parameters: Any) -> Image:
    from util.preprocess.background import remove_background

    whole: dict[str, Any] = {key: given if isinstance(given, bool) else int(given) for key, given in parameters.items()}
    return remove_background(image, method=str(method), **whole)


def _correct_exposure(image: Image, method: Value, **parameters: Any) -> Image:
    from util.preprocess.exposure import correct_exposure

    parameters["lambda_"] = parameters.pop("lambda")
    return correct_exposure(image, method=method, **parameters)  # type: ignore[arg-type] # Choice allows these only


def _normalise_lightness(image: Image, target: Value) -> Image:
    from util.preprocess.lightness import normalise_lightness

    return normalise_lightness(image, target=float(target))


def _add_channels(image: Image, kind: Value, **parameters: Any) -> Image:
    parameters["lambda_"] = parameters.pop("lambda")
    return nine_channels(image, kind=str(kind), **parameters)


_PIXELS = Number(None, 1, 8192, whole=True)

STEPS: Mapping[str, StepKind] = {
    "background": StepKind(
        "makes all but the item see-through: grabcut, none or a model of rembg such as u2netp",
        _remove_background,
        Name("u2netp"),
        parameters={
            "matting": Flag(False),
            "foreground": Number(240, 0, 255, whole=True),
            "background": Number(10, 0, 255, whole=True),
            "erode": Number(10, 0, 100, whole=True),
            "base": Number(1000, 16, 8192, whole=True),
        },
    ),
    "crop": StepKind(
        "crops to the visible part and a margin of so many pixels",
        lambda image, margin: framing.crop_to_alpha(image, margin=int(margin)),
        Number(10, 0, 8192, whole=True),
        shape=lambda *_: None,
    ),
    "square": StepKind(
        "pads the shorter side (see-through or black; or black, white, grey, edge)",
        lambda image, fill: framing.pad_to_square(image, fill=fill),
        Choice((*pixels.COLOURS, "edge")),
        shape=lambda _, before: _square_of(before),
    ),
    "resize": StepKind(
        "resizes to a size such as 224 or 224x160 (width x height), whatever the aspect",
        _resize,
        Size(8192),
        value_needed=True,
        shape=lambda size, _: shape_of(size),
    ),
    "shortest": StepKind(
        "resizes so that the shorter side has so many pixels",
        lambda image, side: framing.resize_shortest(image, side=int(side)),
        _PIXELS,
        value_needed=True,
        shape=lambda side, before: before and framing.shortest_shape(before, int(side)),
    ),
    "longest": StepKind(
        "shrinks so that the longer side has at most so many pixels",
        lambda image, side: framing.limit_longest(image, side=int(side)),
        _PIXELS,
        value_needed=True,
        shape=lambda side, before: before and framing.longest_shape(before, int(side)),
    ),
    "center": StepKind(
        "cuts out the centre of a size such as 224 or 224x160, padding what is too small",
        _center,
        Size(8192),
        value_needed=True,
        shape=lambda size, _: shape_of(size),
    ),
    "exposure": StepKind(
        "corrects the exposure: dual mends dark and blown-out parts, lime dark ones",
        _correct_exposure,
        Choice(("dual", "lime"), "dual"),
        parameters={
            "gamma": Number(0.6, 0.01, 10),
            "lambda": Number(0.15, 0, 100),
            "sigma": Number(3, 0.1, 100),
            "bc": Number(1, 0, 100),
            "bs": Number(1, 0, 100),
            "be": Number(1, 0, 100),
            "eps": Number(0.001, 1e-6, 1),
        },
    ),
    "lightness": StepKind(
        "scales the lightness so that its mean over the visible pixels is this, from 1 to 255",
        _normalise_lightness,
        Number(180, 1, 255),
    ),
    "flatten": StepKind(
        "composites see-through pixels on black, white or grey",
        lambda image, colour: pixels.flatten(image, background=colour),
        Choice(tuple(pixels.COLOURS), "black"),
    ),
    "channels": StepKind(
        "adds six channels for nine-channel networks: exposure (corrected both ways) or transposed (and inverted)",
        _add_channels,
        Choice(KINDS, "exposure"),
        parameters={
            "gamma": Number(0.6, 0.01, 10),
            "lambda": Number(0.15, 0, 100),
            "sigma": Number(3, 0.1, 100),
            "eps": Number(0.001, 1e-6, 1),
        },
        channels=9,
    ),
}
