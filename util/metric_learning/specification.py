"""Losses, miners and samplers chosen by name: one grammar, and one way of saying what was wrong with a choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from util.errors import InvalidInputError

Made = TypeVar("Made")
OptionValue: TypeAlias = bool | int | float | str
Specification: TypeAlias = str | Mapping[str, Any]
"""A name, or a mapping with ``name`` and options: ``{"name": "arcface", "margin": 20}``."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of what is chosen by name.

    Attributes:
        default: its value where none is given; the value given must be of the same type (a whole number may stand
            for a float).
        least: the smallest number allowed.
        most: the largest number allowed.
        choices: the words allowed, where it is a word.
    """

    default: OptionValue
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()

    def check(self, value: object) -> OptionValue:
        """The value, converted to the option's type.

        Raises:
            ValueError: saying what is expected instead.
        """
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise ValueError("true or false")
        if isinstance(self.default, str):
            if isinstance(value, str) and value in self.choices:
                return value
            raise ValueError(f"one of {', '.join(self.choices)}")
        return self._check_number(value)

    def _check_number(self, value: object) -> int | float:
        whole = isinstance(self.default, int)
        if isinstance(value, float) and whole and value.is_integer():
            value = int(value)
        fits = isinstance(value, int) if whole else isinstance(value, (int, float))
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not fits or not self._within(value):
            raise ValueError(f"a {'whole ' * whole}number{self._range()}")
        return value if whole else float(value)

    def _within(self, value: float) -> bool:
        return math.isfinite(value) and self.least <= value <= self.most

    def _range(self) -> str:
        if math.isinf(self.most):
            return "" if math.isinf(self.least) else f" of at least {self.least:g}"
        return f" from {self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True)
class Choice(Generic[Made]):
    """Something that can be chosen by name.

    Attributes:
        make: what builds it; called with the options as keywords, after the arguments that all of its sort take.
        options: its settings by name.
    """

    make: Callable[..., Made]
    options: Mapping[str, Option] = field(default_factory=dict)


def choose(
    specification: Specification, choices: Mapping[str, Choice[Made]], *, sort: str
) -> tuple[Choice[Made], dict[str, OptionValue]]:
    """Looks a specification up and checks its options.

    Args:
        specification: a name, or a mapping with ``name`` and options.
        choices: what there is, by name.
        sort: what is being chosen (``loss``), for messages.

    Returns:
        The choice, and all of its options: those given, the others at their default.

    Raises:
        InvalidInputError: if the name or an option is unknown or a value is not allowed; the message lists what is.
    """
    given: Mapping[str, Any] = {"name": specification} if isinstance(specification, str) else specification
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise InvalidInputError(
            f"a {sort} is given by its name, or as {{'name': …, option: value}}, not as {specification!r}"
        )
    name = given["name"]
    if name not in choices:
        raise InvalidInputError(f"there is no {sort} {name!r}: choose one of {', '.join(choices)}")
    options = choices[name].options
    if unknown := sorted(str(key) for key in given if key != "name" and key not in options):
        has = f"its options are {', '.join(options)}" if options else "it has no options"
        raise InvalidInputError(f"the {sort} {name} has no option {', '.join(map(repr, unknown))}: {has}")
    return choices[name], {
        key: _checked(option, given[key], what=f"{key} of the {sort} {name}") if key in given else option.default
        for key, option in options.items()
    }


def _checked(option: Option, value: object, *, what: str) -> OptionValue:
    try:
        return option.check(value)
    except ValueError as expected:
        raise InvalidInputError(f"{what} must be {expected}, not {value!r}") from None
