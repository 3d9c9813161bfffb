"""Packages in which one file is one class: a file dropped in is found by its name, and imported when asked for."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Generic, TypeVar

from util.errors import NearIdError

Plugin = TypeVar("Plugin")


@dataclass(frozen=True, slots=True)
class PluginPackage(Generic[Plugin]):
    """A package whose modules, apart from ``base`` and private ones, define one class each.

    Attributes:
        package: where the modules are.
        base: what their classes derive from; never made itself.
        sort: what a person calls one of them, for messages.
        unavailable: raised where a module cannot be used.
    """

    package: ModuleType
    base: type[Plugin]
    sort: str
    unavailable: type[NearIdError]

    def names(self) -> list[str]:
        """Names of the modules, sorted; nothing is imported."""
        found = {module.name for module in pkgutil.iter_modules(self.package.__path__) if not module.ispkg}
        return sorted(name for name in found if name != "base" and not name.startswith("_"))

    def load_class(self, name: str) -> type[Plugin]:
        """The class that a module defines.

        Args:
            name: one of ``names()``.

        Raises:
            NearIdError: ``unavailable``, if the module cannot be imported or does not define exactly one class.
        """
        try:
            module = importlib.import_module(f"{self.package.__name__}.{name}")
        except Exception as error:  # whatever the code of one file raises is that file's trouble, and told as such
            raise self.unavailable(
                f"the {self.sort} {name!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error
        defined: list[type[Plugin]] = [member for member in vars(module).values() if self._is_own(member, module)]
        if len(defined) != 1:
            classes = ", ".join(sorted(member.__name__ for member in defined)) or "none"
            raise self.unavailable(
                f"{module.__file__} must define exactly one class derived from {self.base.__name__} with all its "
                f"methods, it defines {classes}"
            )
        return defined[0]

    def _is_own(self, member: object, module: ModuleType) -> bool:
        return (
            inspect.isclass(member)
            and issubclass(member, self.base)
            and member.__module__ == module.__name__
            and not inspect.isabstract(member)
        )


def closest_first(name: str, names: Sequence[str]) -> list[str]:
    """All names, those that are meant most likely first: for the message about a name that is not among them.

    >>> closest_first("difusion", ["aqe", "dba", "diffusion"])
    ['diffusion', 'aqe', 'dba']
    """
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return [*close, *(other for other in names if other not in close)]
