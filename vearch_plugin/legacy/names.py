"""Names of databases and spaces, and the one name a space has in the store."""

from __future__ import annotations

import re

from util.errors import InvalidInputError
from vearch_plugin.legacy.errors import MasterRequestError

DATABASE_ROUTES = ("_cluster", "list", "db", "space")
"""First words of the master's routes: no database may be called so, or its documents could not be reached."""

OTHER_ROUTES = ("v1", "docs", "redoc", "health", "ready", "metrics", "static")
"""First words of the service's other routes."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def check_name(name: object, what: str) -> str:
    """The name, if it can be one.

    Raises:
        MasterRequestError: if it starts with a digit or an underscore, holds what a name may not, or is too long.

    >>> check_name("bottle", "database")
    'bottle'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise MasterRequestError(
            f"the name of a {what} starts with a letter and holds letters, digits and _ only, at most 64 of them"
        )
    return name


def check_database_name(name: object) -> str:
    """The name, if it can be a database's.

    Raises:
        InvalidInputError: if there is none, or it is a word of a route.
        MasterRequestError: if it cannot be a name.
    """
    if name is None:
        raise InvalidInputError("The name of db is required in request data!")
    if name in DATABASE_ROUTES or name in OTHER_ROUTES:
        raise InvalidInputError(f"The name of db can not in [{', '.join(DATABASE_ROUTES + OTHER_ROUTES)}]!")
    return check_name(name, "database")


def stored_name(database: str, space: str) -> str:
    """What the store calls a space of a database; no two spaces share it, since no name holds a dot.

    >>> stored_name("bottle", "vgg16")
    'bottle.vgg16'
    """
    return f"{database}.{space}"
