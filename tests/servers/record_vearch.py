"""Records what a real Vearch answers: ``python tests/servers/record_vearch.py URL FOLDER [SCENARIO…]``.

URL is that of a store in a database that is not there; each scenario makes it and becomes ``FOLDER/NAME.json``.
"""

import sys
from pathlib import Path

import requests
from vearch_wire import Recorder
from vearch_wire.scenarios import SCENARIOS

from util.vector_store.vearch.location import parse_location
from util.vector_store.vearch.naming import CATALOGUE
from util.vector_store.vearch.store import VearchStore


def main(url: str, folder: str, *names: str) -> None:
    """Plays scenarios through a proxy and writes down what was said."""
    location = parse_location(url)
    for name in names or SCENARIOS:
        with Recorder(location.root) as recorder:
            with VearchStore(url.replace(location.root.partition("://")[2], recorder.place)) as store:
                SCENARIOS[name](store)
            path = Path(folder) / f"{name}.json"
            recorder.save(path)
            for leftover in (f"{location.database}/spaces/{CATALOGUE}", location.database):
                address = f"{location.root}/dbs/{leftover}"
                requests.delete(address, auth=(location.user, location.password), timeout=60)
            print(f"{path}: {len(recorder.case)} requests")


if __name__ == "__main__":
    main(*sys.argv[1:])
