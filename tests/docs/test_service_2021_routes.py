"""The page for people who migrate names each route, and no other."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/service_2021_routes.md").read_text()


def documented() -> set[str]:
    return set(re.findall(r"^\| `(?:GET|PUT|POST|DELETE) (/\S+)`", PAGE, flags=re.MULTILINE))


def plain(path: str) -> str:
    """A route's path without its convertors and the slash that may end it."""
    return re.sub(r":\w+}", "}", path).rstrip("/")


def test_every_route_is_on_the_page_and_every_one_on_the_page_is_there():
    from vearch_plugin.legacy.routes import router

    served = {plain(route.path) for route in router.routes}
    assert documented() == served


def test_the_methods_on_the_page_are_those_of_the_routes():
    from vearch_plugin.legacy.routes import router

    served = {(method, plain(route.path)) for route in router.routes for method in route.methods}
    named = set(re.findall(r"^\| `(GET|PUT|POST|DELETE) (/\S+)`", PAGE, flags=re.MULTILINE))
    also = re.findall(r"^\| `\w+ (/\S+)`.*?(GET|PUT|DELETE) too", PAGE, flags=re.MULTILINE)
    assert named | {(method, path) for path, method in also} == served


def test_codes_on_the_page_are_the_ones_told():
    from vearch_plugin.legacy import errors

    told = {
        (error.master_code, str(error))
        for error in (
            errors.DatabaseExistsError("test"),
            errors.DatabaseNotFoundError(),
            errors.DatabaseNotEmptyError(),
            errors.LegacySpaceExistsError(),
            errors.LegacySpaceNotFoundError(),
        )
    }
    named = re.findall(r"^\| (\d{3}) \| `([^`]+)` \|", PAGE, flags=re.MULTILINE)
    assert {(int(code), message) for code, message in named} == told


def test_the_search_on_the_page_can_be_sent():
    import json

    from vearch_plugin.legacy.queries import parse_query
    from vearch_plugin.legacy.schema import Schema

    [body] = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)]
    schema = {
        "name": "s",
        "properties": {
            "image": {"type": "vector", "dimension": 2, "format": "normalization"},
            "keyword": {"type": "keyword"},
            "views": {"type": "integer"},
        },
    }
    query = parse_query(Schema.parse(schema), body)
    assert (query.size, query.fields, set(query.filter.where)) == (10, ("keyword",), {"keyword", "views"})
