"""How the plugin and the master behind it said no."""

from __future__ import annotations

from util.errors import NearIdError


class MasterError(NearIdError):
    """What the master refused; the 2021 answer is ``{"code": …, "msg": …}``.

    Attributes:
        master_code: the master's number for it, 550 to 565.
    """

    code = "legacy_master"

    def __init__(self, master_code: int, message: str) -> None:
        self.master_code = master_code
        super().__init__(message)

    def __reduce__(self) -> tuple[type[MasterError], tuple[int, str]]:
        return type(self), (self.master_code, str(self))


class DatabaseExistsError(MasterError):
    """The name of a new database is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(550, f"dbname {name} is exists")


class DatabaseNotFoundError(MasterError):
    """No database of this name."""

    def __init__(self) -> None:
        super().__init__(562, "db_notexists")


class DatabaseNotEmptyError(MasterError):
    """A database that still holds spaces cannot be dropped."""

    def __init__(self) -> None:
        super().__init__(563, "db_not_empty")


class LegacySpaceExistsError(MasterError):
    """The name of a new space is taken in its database."""

    def __init__(self) -> None:
        super().__init__(564, "dup_space")


class LegacySpaceNotFoundError(MasterError):
    """No space of this name in the database."""

    def __init__(self) -> None:
        super().__init__(565, "space_notexists")


class MasterRequestError(MasterError):
    """A request that the master could not use: a bad name, schema or body."""

    def __init__(self, message: str) -> None:
        super().__init__(550, message)
