"""Names of spaces, which Vearch wants of letters, digits and underscores."""

from __future__ import annotations

import re

from util.errors import InvalidInputError

CATALOGUE = "nearid_spaces"
"""Vearch's name of the space that describes the others."""

_PREFIX = "space_"


def vearch_name(space: str) -> str:
    """The name that a space has in Vearch: letters and digits as they are, other bytes as ``_`` and two digits.

    >>> vearch_name("bottles"), vearch_name("2nd try_ü")
    ('space_bottles', 'space_2nd_20try_5f_c3_bc')

    Raises:
        InvalidInputError: if the name is not valid Unicode text.
    """
    try:
        return _PREFIX + re.sub(rb"[^A-Za-z0-9]", lambda byte: b"_%02x" % byte[0][0], space.encode()).decode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"the name {space!r} of a space is not valid Unicode text") from error
