"""A gallery of things that are told apart by their colour alone."""

import pytest

from util.records import ImageRecord

COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "grey": (99, 99, 99)}
COLOURS["amber"] = (250, 160, 10)


@pytest.fixture
def gallery(photo) -> list[ImageRecord]:
    """Three photos of each of five items."""
    return [
        ImageRecord(f"{item}{i}", str(photo(f"gallery/{item}{i}.png", (r, g + i, b))), item)
        for item, (r, g, b) in COLOURS.items()
        for i in range(3)
    ]
