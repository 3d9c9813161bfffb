"""Recipes: the ordered preprocessing steps of an extractor, as a value that can be printed, parsed and hashed.

A recipe is written as steps separated by commas; a step is ``name``, ``name=value`` or either of them with
parameters, ``name=value:key=value:key=value``::

    background=u2netp, crop=10, square, resize=224, exposure=dual:gamma=0.7

What is written is checked and put in its canonical spelling when the recipe is made: values that were left out are
filled in, parameters at their defaults are dropped. So two recipes that do the same are equal and print the same,
and the fingerprint of an extractor, which rests on the printed recipe, changes only where the preprocessing does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from util.errors import RecipeError
from util.preprocess.grammar import Kind, Value
from util.preprocess.pixels import Image, flatten, require_image
from util.preprocess.steps import STEPS, Shape, StepKind


@dataclass(frozen=True, slots=True)
class Step:
    """One step, checked and canonical.

    Attributes:
        name: a key of ``util.preprocess.steps.STEPS``.
        value: its value in canonical spelling; ``None`` where it has none.
        parameters: those that differ from their defaults, in the order of the table.

    Raises:
        RecipeError: for an unknown name or parameter, or a value that does not fit; says what there is.

    >>> Step("resize", "224x224"), Step("crop")
    (Step(name='resize', value='224', parameters=()), Step(name='crop', value='10', parameters=()))
    """

    name: str
    value: str | None = None
    parameters: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        if self.name not in STEPS:
            raise RecipeError(f"unknown step {self.name!r} in the recipe: there are {', '.join(sorted(STEPS))}")
        object.__setattr__(self, "value", _checked_value(self.name, self.kind, self.value))
        object.__setattr__(self, "parameters", _checked_parameters(self.name, self.kind, self.parameters))

    @property
    def kind(self) -> StepKind:
        """What the table says about steps of this name."""
        return STEPS[self.name]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads one step, ``name[=value][:key=value]*``.

        >>> Step.parse(" square=white ")
        Step(name='square', value='white', parameters=())
        """
        head, *rest = (part.strip() for part in text.split(":"))
        name, equals, value = (part.strip() for part in head.partition("="))
        pairs = [tuple(side.strip() for side in part.partition("=")[::2]) for part in rest]
        return cls(name, value if equals else None, tuple((key, written) for key, written in pairs))

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value}"
        return f"{self.name}{value}" + "".join(
            f":{key}={self.kind.parameters[key].write(setting)}" for key, setting in self.parameters
        )

    def apply(self, image: Image) -> Image:
        """The image after this step: uint8 H×W×3 or H×W×4."""
        parameters = {key: kind.default for key, kind in self.kind.parameters.items()} | dict(self.parameters)
        positional = () if self.kind.value is None else (self._typed_value,)
        return self.kind.run(image, *positional, **parameters)

    def shape_after(self, before: Shape) -> Shape:
        """(height, width) after this step, where it is the same for all images."""
        return self.kind.shape(self._typed_value, before)

    @property
    def _typed_value(self) -> Value | None:
        return None if self.value is None or self.kind.value is None else self.kind.value.read(self.value)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Ordered steps; hashable, and equal to every recipe that prints the same.

    >>> recipe = Recipe.parse("crop, square, resize=0224")
    >>> str(recipe), recipe.output_size, recipe == Recipe.parse(str(recipe))
    ('crop=10, square, resize=224', (224, 224), True)
    """

    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        for step in self.steps[:-1]:
            if step.kind.channels != 3:
                raise RecipeError(f"the step {step.name!r} must be the last of a recipe: what it makes is no picture")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a recipe; the empty text is the recipe that only flattens.

        Raises:
            RecipeError: naming the step, what was given and what there is.
        """
        if not text.strip():
            return cls()
        return cls(tuple(Step.parse(part) for part in text.split(",")))

    def __str__(self) -> str:
        return ", ".join(str(step) for step in self.steps)

    @property
    def output_size(self) -> tuple[int, int] | None:
        """(height, width) of every image the recipe makes, like ``array.shape``; ``None`` if it varies."""
        shape: Shape = None
        for step in self.steps:
            shape = step.shape_after(shape)
        return shape

    @property
    def channels(self) -> int:
        """How many channels ``apply`` returns: 3, or 9 for nine-channel networks.

        >>> Recipe.parse("square, resize=224, channels=exposure").channels
        9
        """
        return self.steps[-1].kind.channels if self.steps else 3

    def split_after(self, *names: str) -> tuple[Recipe, Recipe]:
        """The recipe up to and with its last step of these names, and the rest; nothing and all where there is none.

        >>> before, after = Recipe.parse("background=grabcut, crop, resize=224").split_after("background")
        >>> str(before), str(after)
        ('background=grabcut', 'crop=10, resize=224')
        """
        end = max((place for place, step in enumerate(self.steps, start=1) if step.name in names), default=0)
        return Recipe(self.steps[:end]), Recipe(self.steps[end:])

    def apply(self, image: Image) -> Image:
        """Takes one image through all steps; see-through pixels that are left become black at the end.

        Args:
            image: uint8 H×W×3 (RGB) or H×W×4 (RGBA), as ``util.images.read_image`` returns it; left as it is.

        Returns:
            uint8 H'×W'×3 RGB, or H'×W'×9 (see ``channels``); C-contiguous.

        Raises:
            As ``transform``.
        """
        made = self.transform(image)
        return np.ascontiguousarray(made if self.channels != 3 else flatten(made))

    def transform(self, image: Image) -> Image:
        """The steps alone: a cut-out keeps its transparency, for who wants to keep or look at it.

        Args:
            image: uint8 H×W×3 (RGB) or H×W×4 (RGBA); left as it is.

        Returns:
            uint8 H'×W'×3 (RGB) or H'×W'×4 (RGBA), or what ``apply`` returns where that is no picture.

        Raises:
            InvalidInputError: if it is not such an array.
            ImageError: if a step would make it too large.
            WeightsMissingError: if a step needs a model that is neither here nor downloadable.
        """
        require_image(image)
        for step in self.steps:
            image = step.apply(image)
        return image


def _checked_value(name: str, kind: StepKind, value: str | None) -> str | None:
    if kind.value is None:
        if value is not None:
            raise RecipeError(f"the step {name!r} takes no value, got {value!r}")
        return None
    if value is None:
        if kind.value_needed:
            raise RecipeError(f"the step {name!r} needs a value: it {kind.summary}")
        return None if kind.value.default is None else kind.value.write(kind.value.default)
    return kind.value.write(_read(f"the step {name!r}", kind.value, value))


def _checked_parameters(
    name: str, kind: StepKind, given: tuple[tuple[str, Value], ...]
) -> tuple[tuple[str, Value], ...]:
    typed: dict[str, Value] = {}
    for key, value in given:
        if key not in kind.parameters:
            there_are = f"there are {', '.join(kind.parameters)}" if kind.parameters else "it takes none"
            raise RecipeError(f"the step {name!r} has no parameter {key!r}: {there_are}")
        if key in typed:
            raise RecipeError(f"the step {name!r} is given its parameter {key!r} twice")
        typed[key] = _read(f"{key!r} of the step {name!r}", kind.parameters[key], value)
    return tuple(
        (key, typed[key]) for key, one in kind.parameters.items() if key in typed and typed[key] != one.default
    )


def _read(what: str, kind: Kind, value: Value) -> Value:
    text = value if isinstance(value, str) else str(value).lower()
    try:
        return kind.read(text)
    except ValueError as error:
        raise RecipeError(f"{what} must be {error}, not {text!r}") from None
