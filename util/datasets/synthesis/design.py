"""What an item looks like, before it is drawn: a design, and the small differences between designs of a family."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from util.datasets.synthesis.colors import Color

Kind: TypeAlias = Literal["bottle", "carton", "box"]
Layout: TypeAlias = Literal["band", "badge", "block", "column"]
DifferenceKind: TypeAlias = Literal["text", "mark", "shade", "damage"]
DamageKind: TypeAlias = Literal["scratch", "dent", "scuff", "tear"]

KINDS: tuple[Kind, ...] = ("bottle", "carton", "box")
LAYOUTS: tuple[Layout, ...] = ("band", "badge", "block", "column")


@dataclass(frozen=True, slots=True)
class Damage:
    """A blemish on the front.

    Attributes:
        kind: what it is.
        place: where its middle is on the front panel, x to the right and y downwards, both in [0, 1].
        angle: its direction in degrees, counter-clockwise from the right.
        seed: of its outline.
    """

    kind: DamageKind
    place: tuple[float, float]
    angle: float
    seed: int


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a design."""

    body: Color
    paper: Color
    ink: Color
    accent: Color
    stripe: Color
    cap: Color


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a label, from the largest claim to the small print."""

    brand: str
    line: str
    product: str
    variant: str
    claim: str
    volume: str


@dataclass(frozen=True, slots=True)
class Form:
    """The body.

    Attributes:
        profile: name of the outline; see ``shapes.PROFILES`` for bottles, empty for the others.
        width: width by height.
        depth: depth by height (bottles are round: equal to the width).
        gloss: 0 is matt paper, 1 is glass.
    """

    profile: str
    width: float
    depth: float
    gloss: float


@dataclass(frozen=True, slots=True)
class Design:
    """Everything that makes an item look as it does; equal designs cannot be told apart.

    Attributes:
        kind: what it is.
        form: its body.
        palette: its colours.
        layout: how its front panel is arranged.
        wording: what stands on it.
        mark: its little logo, one of ``marks.MARKS``.
        mark_place: where that stands in the room it has, from 0 (left) to 1 (right).
        title_font: of brand and product; see ``typography``.
        text_font: of the rest.
        damage: its blemish, if any.
    """

    kind: Kind
    form: Form
    palette: Palette
    layout: Layout
    wording: Wording
    mark: str
    mark_place: float
    title_font: str
    text_font: str
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One small thing in which an item departs from the first item of its family.

    Attributes:
        kind: what sort of thing.
        part: what shows it: ``variant``, ``claim``, ``mark``, ``cap``, ``stripe`` or ``damage``.
        words: the difference in words, for ``items.json``.
        field: the field of the design that it sets, such as ``wording.variant``.
        value: what it sets the field to.
    """

    kind: DifferenceKind
    part: str
    words: str
    field: str
    value: str | float | Color | Damage


@dataclass(frozen=True, slots=True)
class Item:
    """One thing with its ground truth.

    Attributes:
        name: the label, such as ``bottle-01-03``.
        family: such as ``bottle-01``; items of a family are nearly identical.
        design: its looks.
        differences: from the family's first item; none for that one itself.
    """

    name: str
    family: str
    design: Design
    differences: tuple[Difference, ...] = field(default=())

    @property
    def detail(self) -> frozenset[str]:
        """The parts that tell this item from its family."""
        return frozenset(difference.part for difference in self.differences) or frozenset({"variant", "mark"})


def departed(design: Design, differences: Iterable[Difference]) -> Design:
    """The design with the given differences from it."""
    for difference in differences:
        outer, _, inner = difference.field.partition(".")
        value: Any = difference.value
        design = replace(design, **{outer: replace(getattr(design, outer), **{inner: value}) if inner else value})
    return design
