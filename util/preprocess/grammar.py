"""The kinds of value that a recipe can write down: numbers, sizes, choices, flags, names.

Each kind reads text into a checked value and writes it back in its one canonical spelling, so that two recipes
which mean the same are equal.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Value: TypeAlias = str | float | bool


class Kind(Protocol):
    """What a step's value or a parameter may be.

    Attributes:
        default: the value where none is written; ``None`` where one must be (or, for a step, none need be).
    """

    @property
    def default(self) -> Value | None:
        """The value where none is written."""

    def read(self, text: str) -> Value:
        """The value a text stands for; ``ValueError`` with what was expected if it stands for none."""

    def write(self, value: Value) -> str:
        """The canonical spelling of a value."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two ends, both allowed; ``whole`` allows integers only.

    >>> Number(0.6, 0.1, 10).write(Number(0.6, 0.1, 10).read("0.750"))
    '0.75'
    """

    default: float | None
    low: float
    high: float
    whole: bool = False

    def read(self, text: str) -> float:
        """The number, if it is one and lies in the range."""
        kind = "a whole number" if self.whole else "a number"
        expected = f"{kind} from {_spelt(self.low)} to {_spelt(self.high)}"
        try:
            value = float(text)
        except ValueError:
            raise ValueError(expected) from None
        if not (math.isfinite(value) and self.low <= value <= self.high) or (self.whole and value != int(value)):
            raise ValueError(expected)
        return value

    def write(self, value: Value) -> str:
        """The shortest spelling that reads back as the same number."""
        return _spelt(float(value))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    default: str | None = None

    def read(self, text: str) -> str:
        """The word, if it is one of the options."""
        if text not in self.options:
            raise ValueError("one of " + ", ".join(self.options))
        return text

    def write(self, value: Value) -> str:
        """The word itself."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    default: bool

    def read(self, text: str) -> bool:
        """The truth value."""
        if text not in ("true", "false"):
            raise ValueError("true or false")
        return text == "true"

    def write(self, value: Value) -> str:
        """``true`` or ``false``."""
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Size:
    """Width×height in pixels, ``224x160``; one number stands for a square.

    >>> Size(8192).read("224x0224"), Size(8192).read("224x160"), shape_of("224x160")
    ('224', '224x160', (160, 224))
    """

    high: int
    default: str | None = None

    def read(self, text: str) -> str:
        """The canonical spelling: one number where width and height are equal."""
        expected = f"a size like 224 or 224x160 (width x height), each side from 1 to {self.high}"
        if not re.fullmatch(r"\d{1,9}(x\d{1,9})?", text, re.ASCII):
            raise ValueError(expected)
        height, width = shape_of(text)
        if not (1 <= height <= self.high and 1 <= width <= self.high):
            raise ValueError(expected)
        return str(width) if width == height else f"{width}x{height}"

    def write(self, value: Value) -> str:
        """The spelling that ``read`` made canonical."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Name:
    """The name of something that is looked up when it is used, such as a model."""

    default: str | None = None

    def read(self, text: str) -> str:
        """The name, if it has only letters, digits, ``.``, ``_`` and ``-``."""
        if not re.fullmatch(r"[A-Za-z0-9._-]+", text):
            raise ValueError("a name of letters, digits, '.', '_' and '-'")
        return text

    def write(self, value: Value) -> str:
        """The name itself."""
        return str(value)


def shape_of(size: str) -> tuple[int, int]:
    """(height, width), as in ``array.shape``, of a size written ``width`` or ``widthxheight``."""
    width, _, height = size.partition("x")
    return int(height or width), int(width)


def _spelt(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
