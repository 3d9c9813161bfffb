"""Re-rankers as text: ``alpha_qe:n=10,alpha=3+diffusion``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from util.errors import InvalidInputError
from util.rerank._catalogue import reranker_class
from util.rerank._chain import Chain
from util.rerank.base import ReRanker


def read_reranker(text: str, **given: Any) -> ReRanker:
    """The re-ranker, or chain of re-rankers, of a text; see ``util.rerank.build_reranker``.

    Args:
        text: names and options.
        **given: what the program gives to those re-rankers that have a field of the name, such as ``cache``.
    """
    steps = [_make(name, options, given) for name, options in split_steps(text)]
    return steps[0] if len(steps) == 1 else Chain(steps=tuple(steps), **_taken(Chain, given))


def split_steps(text: str) -> list[tuple[str, dict[str, str]]]:
    """Names with their options as written, first step first.

    Steps are joined by ``+`` or ``,``; options follow their step after ``:`` and are joined by ``,`` or ``:``. What
    stands between commas is an option where it is ``key=value``, and a step otherwise.

    Raises:
        InvalidInputError: if a step has no name, an option comes before any step or stands twice.

    >>> split_steps("dba:n=4, alpha_qe:n=5,alpha=3 + diffusion")
    [('dba', {'n': '4'}), ('alpha_qe', {'n': '5', 'alpha': '3'}), ('diffusion', {})]
    >>> split_steps("second_look:extractor=timm:resnet18,top=5")
    [('second_look', {'extractor': 'timm:resnet18', 'top': '5'})]
    """
    steps: list[tuple[str, dict[str, str]]] = []
    for part in re.split(r"[+,]", text):
        head, *rest = (piece.strip() for piece in part.split(":"))
        if "=" in head and steps:
            rest = [head, *rest]
        elif "=" in head or not head:
            raise InvalidInputError(
                f"the re-ranker {text!r} cannot be read: write NAME, NAME:key=value,key=value or a chain NAME+NAME"
            )
        else:
            steps.append((head, {}))
        name, options = steps[-1]
        for option in filter(None, rest):
            key, equals, value = (piece.strip() for piece in option.partition("="))
            if not equals and options:  # a colon within the value, as in extractor=timm:resnet18
                last = next(reversed(options))
                options[last] += f":{option}"
                continue
            if not equals or not key or key in options:
                raise InvalidInputError(f"the re-ranker {name!r}: {option!r} is no key=value, or its key stands twice")
            options[key] = value
    return steps


def _make(name: str, written: Mapping[str, str], given: Mapping[str, Any]) -> ReRanker:
    kind = reranker_class(name)
    types = _option_types(kind)
    for key in written:
        if key not in types:
            takes = f"it takes {', '.join(types)}" if types else "it takes none"
            raise InvalidInputError(f"the re-ranker {name!r} takes no option {key!r}: {takes}")
    options = {key: _typed(name, key, value, types[key]) for key, value in written.items()}
    return kind(**options, **_taken(kind, given))


def _taken(kind: type[ReRanker], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given to re-rankers of this kind."""
    names = {option.name for option in fields(kind)}
    return {name: value for name, value in given.items() if name in names}


def _option_types(kind: type[ReRanker]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind.option_names()}


def _typed(name: str, key: str, value: str, kind: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_strings(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InvalidInputError(f"the re-ranker {name!r}: {key}={value} does not fit: {reason}") from None
