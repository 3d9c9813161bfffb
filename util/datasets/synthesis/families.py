"""Families of nearly identical items: one design, and the small differences its items are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, combinations, zip_longest
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from util.datasets.synthesis.colors import Color, hls, shade
from util.datasets.synthesis.design import (
    KINDS,
    LAYOUTS,
    Damage,
    DamageKind,
    Design,
    Difference,
    Form,
    Item,
    Kind,
    Palette,
    Wording,
    departed,
)
from util.datasets.synthesis.marks import MARKS
from util.datasets.synthesis.typography import TEXT_FONTS, TITLE_FONTS
from util.datasets.synthesis.vocabulary import BRANDS, LINES, PRODUCTS, Product
from util.errors import InvalidInputError

_T = TypeVar("_T")

_PLACES = {"upper left": (0.27, 0.3), "lower right": (0.7, 0.72), "middle": (0.5, 0.5)}
_DAMAGES: tuple[tuple[DamageKind, str], ...] = (
    *(("scratch", name) for name in _PLACES),
    *(("dent", name) for name in _PLACES),
    *(("scuff", name) for name in ("upper left", "lower right")),
    *(("tear", name) for name in ("upper left", "lower right")),
)


def make_family(index: int, items: int, seed: int) -> list[Item]:
    """The items of one family; the first is the plain one, each other departs from it in one small thing.

    Kinds of difference (text, mark, shade, damage) take turns. When the single differences are used up, items have
    two at once. What an item is depends on the seed, the family's index and its own, not on how many there are.

    Args:
        index: of the family, from 0; bottles, cartons and boxes take turns.
        items: how many items, at least 1.
        seed: of the whole set.

    Raises:
        InvalidInputError: if the family cannot have as many different items.
    """
    rng = np.random.default_rng([seed, 1, index])
    kind = KINDS[index % len(KINDS)]
    number = index // len(KINDS)
    product = PRODUCTS[kind][(number + seed) % len(PRODUCTS[kind])]
    base = _draw_design(kind, product, BRANDS[(7 * index + 5 * seed) % len(BRANDS)], rng)
    singles = _take_turns(_draw_differences(base, product, rng), rng)
    pairs = [(a, b) for a, b in combinations(singles, 2) if a.kind != b.kind]
    variations = [(), *((single,) for single in singles), *pairs]
    if items > len(variations):
        raise InvalidInputError(f"a family has at most {len(variations)} items, not {items}: ask for more families")
    family = f"{kind}-{number + 1:02d}"
    return [
        Item(f"{family}-{place:02d}", family, departed(base, differences), differences)
        for place, differences in enumerate(variations[:items])
    ]


def _draw_design(kind: Kind, product: Product, brand: str, rng: Generator) -> Design:
    return Design(
        kind=kind,
        form=_FORMS[kind](product, rng),
        palette=_draw_palette(product, rng),
        layout=_one_of(LAYOUTS, rng),
        wording=Wording(
            brand=brand,
            line=_one_of(LINES, rng),
            product=product.name,
            variant=_one_of(product.variants, rng),
            claim=_one_of(product.claims, rng),
            volume=_one_of(product.volumes, rng),
        ),
        mark=_one_of(MARKS, rng),
        mark_place=0.5,
        title_font=_one_of(TITLE_FONTS, rng),
        text_font=_one_of(TEXT_FONTS, rng),
    )


def _draw_palette(product: Product, rng: Generator) -> Palette:
    hue = product.hue + rng.uniform(-18, 18)
    accent = hls(hue, rng.uniform(0.33, 0.46), rng.uniform(0.55, 0.85))
    second = hls(hue + _one_of((-150, -40, 40, 150, 180), rng), rng.uniform(0.42, 0.6), rng.uniform(0.5, 0.8))
    pale = hls(hue, rng.uniform(0.9, 0.97), rng.uniform(0.1, 0.5))
    return Palette(
        body=_one_of((hls(hue, 0.94, 0.2), shade(accent, lightness=-0.08), shade(second, lightness=-0.12)), rng),
        paper=_one_of(((250, 248, 243), pale), rng),
        ink=shade(accent, lightness=-0.22, saturation=-0.1),
        accent=accent,
        stripe=second,
        cap=_one_of((accent, second, shade(accent, lightness=0.12)), rng),
    )


def _draw_bottle_form(product: Product, rng: Generator) -> Form:
    profile = _one_of(product.profiles, rng)
    width = {"jar": 0.72, "can": 0.56, "milk": 0.46, "flask": 0.44, "juice": 0.40, "tower": 0.37}[profile]
    width *= rng.uniform(0.95, 1.07)
    return Form(profile, width, width, gloss=rng.uniform(0.55, 0.95))


def _draw_carton_form(_product: Product, rng: Generator) -> Form:
    width = rng.uniform(0.40, 0.48)
    return Form("gable", width, width * rng.uniform(0.9, 1.0), gloss=rng.uniform(0.25, 0.45))


def _draw_box_form(_product: Product, rng: Generator) -> Form:
    width = _one_of((0.62, 0.7, 0.85, 1.15), rng) * rng.uniform(0.95, 1.05)
    return Form("box", width, width * rng.uniform(0.3, 0.5), gloss=rng.uniform(0.15, 0.4))


_FORMS: dict[Kind, Callable[[Product, Generator], Form]] = {
    "bottle": _draw_bottle_form,
    "carton": _draw_carton_form,
    "box": _draw_box_form,
}


def _draw_differences(base: Design, product: Product, rng: Generator) -> list[list[Difference]]:
    """One list of differences for each kind; none of them leaves the design as it is."""
    groups = [_text_differences(base, product), _mark_differences(base, rng), _shade_differences(base), _damages(rng)]
    return [[group[place] for place in rng.permutation(len(group))] for group in groups]


def _text_differences(base: Design, product: Product) -> list[Difference]:
    choices = {"variant": product.variants, "claim": product.claims}
    return [
        Difference("text", part, f"the {part} reads {word!r} instead of {was!r}", f"wording.{part}", word)
        for part, words in choices.items()
        for was in [getattr(base.wording, part)]
        for word in words
        if word != was
    ]


def _mark_differences(base: Design, rng: Generator) -> list[Difference]:
    others = [MARKS[place] for place in rng.permutation(len(MARKS)) if MARKS[place] != base.mark]
    shapes = [
        Difference("mark", "mark", f"the mark shows {mark} instead of {base.mark}", "mark", mark) for mark in others[:4]
    ]
    right = Difference("mark", "mark", "the mark is further to the right", "mark_place", 1.0)
    left = Difference("mark", "mark", "the mark is further to the left", "mark_place", 0.0)
    places = [right] if base.layout == "badge" else [left, right]  # beside a badge it is on the left already
    return shapes + places


def _shade_differences(base: Design) -> list[Difference]:
    differences = []
    for part in ("stripe", "cap") if base.kind != "box" else ("stripe",):
        color: Color = getattr(base.palette, part)
        for words, other in (
            ("of a lighter shade", shade(color, lightness=0.22)),
            ("of a darker shade", shade(color, lightness=-0.22)),
            ("of another hue (+35°)", shade(color, hue=35)),
            ("of another hue (-35°)", shade(color, hue=-35)),
        ):
            differences.append(Difference("shade", part, f"the {part} is {words}", f"palette.{part}", other))
    return differences


def _damages(rng: Generator) -> list[Difference]:
    differences = []
    for kind, name in _DAMAGES:
        x, y = (np.array(_PLACES[name]) + rng.uniform(-0.05, 0.05, 2)).tolist()
        damage = Damage(kind, (x, y), float(rng.uniform(20, 70)), int(rng.integers(2**31)))
        differences.append(Difference("damage", "damage", f"a {kind} in the {name} of the front", "damage", damage))
    return differences


def _take_turns(groups: list[list[Difference]], rng: Generator) -> list[Difference]:
    """One of each group after the other, in a drawn order of the groups, until all are used up."""
    order = [groups[place] for place in rng.permutation(len(groups))]
    return [difference for difference in chain.from_iterable(zip_longest(*order)) if difference is not None]


def _one_of(choices: Sequence[_T], rng: Generator) -> _T:
    return choices[int(rng.integers(len(choices)))]
