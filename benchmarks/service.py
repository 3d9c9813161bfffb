"""The service against the bare extractor, in one run: throughput, latency, memory.

    python benchmarks/service.py [--images FOLDER_OR_LIST] [--requests N] [--out FILE.json]

The bare extractor decodes, preprocesses and embeds the same image files in batches, in this process, with as many
threads as the service has. The service runs in a process of its own; so do its clients, as one process with a thread
for each, so that they do not share an interpreter with what they measure. Rounds of both take turns.
On a machine of one core the clients' work is paid from the same core and lowers the ratio. The processor time that an
image costs, bare and served, tells what the service adds whatever else runs; its ratio is what the throughput's would
be with the clients elsewhere and every core in use. Memory is the service's resident set, read after every hundredth
of the requests.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from _provenance import provenance

from util.datasets import read_dataset
from util.image_extract import load
from util.search.extraction import Extraction

RESULTS = Path(__file__).parent / "results"
GROCERY = Path("../shared/data/grocery/train.txt")
CLIENTS = 16
ROUNDS = 5
SAMPLE = 128
WORKERS = 2


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=GROCERY, help="the photos asked with")
    parser.add_argument("--extractors", default="grocery,color_texture")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--requests", type=int, default=10_000, help="requests over which memory is watched")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="images of one round")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--as-clients", nargs=2, metavar=("URL", "COUNT"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS / "service.json")
    arguments = parser.parse_args()
    photos = [Path(record.path).read_bytes() for record in read_dataset(arguments.images)[: arguments.sample]]
    if arguments.as_clients:
        url, count = arguments.as_clients
        print(json.dumps(ask(url, photos, count=int(count), clients=arguments.clients)))
        return
    measured = [
        measure(name, photos, arguments, requests_in_all=arguments.requests if first else 0)
        for first, name in [(name == "color_texture", name) for name in arguments.extractors.split(",")]
    ]
    result = {
        "clients": arguments.clients,
        "images_a_round": len(photos),
        "rounds": arguments.rounds,
        "cores_of_this_run": len(os.sched_getaffinity(0)),
        "extractors": measured,
        "provenance": provenance("torch", "numpy", "pillow", "fastapi", "starlette", "uvicorn", "requests"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def measure(
    name: str, photos: Sequence[bytes], arguments: argparse.Namespace, *, requests_in_all: int
) -> dict[str, object]:
    """One extractor: bare and served, turn by turn; then its memory over many requests."""
    extraction = Extraction(load(name, device="cpu", models_dir=arguments.models), workers=WORKERS)
    extraction.embed_sources(photos[: arguments.clients])  # warm-up
    with served(name, arguments.models) as (url, process):
        clients(url, arguments, count=2 * arguments.clients)
        here, there = psutil.Process(), process
        bare, rounds, cpu_bare, cpu_served = [bare_rate(extraction, photos)], [], [], []
        for _ in range(arguments.rounds):
            before = cpu_seconds(there)
            rounds.append(clients(url, arguments, count=len(photos)))
            cpu_served.append((cpu_seconds(there) - before) / len(photos))
            before = cpu_seconds(here)
            bare.append(bare_rate(extraction, photos))
            cpu_bare.append((cpu_seconds(here) - before) / len(photos))
        images_a_pass = mean_images_a_pass(url)
        memory = memory_over(url, arguments, process, requests_in_all) if requests_in_all else None
    ratios = [2 * one["rate"] / (b + a) for one, b, a in zip(rounds, bare, bare[1:], strict=False)]
    latencies = sorted(taken for one in rounds for taken in one["seconds"])
    return {
        "extractor": name,
        "bare_images_per_second": round(statistics.median(bare), 2),
        "served_images_per_second": round(statistics.median(one["rate"] for one in rounds), 2),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "cpu_ms_an_image": {
            "bare": round(1000 * statistics.median(cpu_bare), 2),
            "served": round(1000 * statistics.median(cpu_served), 2),
            "ratio": round(statistics.median(cpu_bare) / statistics.median(cpu_served), 3),
        },
        "latency_ms": {
            "p50": round(1000 * statistics.median(latencies), 1),
            "p95": round(1000 * latencies[int(0.95 * (len(latencies) - 1))], 1),
        },
        "images_a_pass": images_a_pass,
        "memory": memory,
    }


def bare_rate(extraction: Extraction, photos: Sequence[bytes]) -> float:
    """Images a second from the bytes of files to embeddings, without a service."""
    started = time.perf_counter()
    _, _, failed = extraction.embed_sources(photos)
    if failed:
        raise SystemExit(f"{len(failed)} photos could not be read, the first: {failed[0]}")
    return len(photos) / (time.perf_counter() - started)


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time that a process has used."""
    used = process.cpu_times()
    return used.user + used.system


def clients(url: str, arguments: argparse.Namespace, *, count: int) -> dict[str, object]:
    """The clients' own process: rate, and seconds of every request."""
    options = ("images", "clients", "sample")
    given = [word for name in options for word in (f"--{name}", str(getattr(arguments, name)))]
    command = [sys.executable, __file__, *given, "--as-clients", url, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ask(url: str, photos: Sequence[bytes], *, count: int, clients: int) -> dict[str, object]:
    """One image a request, from so many clients at once, each on a connection of its own."""

    def client(number: int) -> list[float]:
        taken = []
        with requests.Session() as session:
            for turn in range(number, count, clients):
                started = time.perf_counter()
                answer = session.post(
                    f"{url}/v1/embeddings",
                    files={"image": photos[turn % len(photos)]},
                    data={"encoding": "base64"},
                    timeout=120,
                )
                answer.raise_for_status()
                taken.append(time.perf_counter() - started)
        return taken

    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        seconds = [taken for part in pool.map(client, range(clients)) for taken in part]
        return {"rate": count / (time.perf_counter() - started), "seconds": seconds}


def memory_over(url: str, arguments: argparse.Namespace, process: psutil.Process, count: int) -> dict[str, object]:
    """The service's resident memory while it answers many requests."""
    resident = []
    step = max(100, count // 100)
    for _ in range(count // step):
        clients(url, arguments, count=step)
        resident.append(process.memory_info().rss)
    quarter = max(1, len(resident) // 4)
    return {
        "requests": len(resident) * step,
        "resident_mib_in_the_first_quarter": round(max(resident[:quarter]) / 2**20, 1),
        "resident_mib_in_the_last_quarter": round(max(resident[-quarter:]) / 2**20, 1),
    }


def mean_images_a_pass(url: str) -> float:
    """From the service's own counters."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    total, passes = (
        float(re.search(rf"^nearid_pass_images_{part} (\S+)$", text, re.MULTILINE)[1]) for part in ("sum", "count")
    )
    return round(total / passes, 2)


@contextmanager
def served(extractor: str, models: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The service in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        given = {"extractor": extractor, "store": f"embedded:{folder}/store.db", "rate_limit": "none", "device": "cpu"}
        given |= {"models_dir": str(models.absolute()), "workers": str(WORKERS), "port": str(port)}
        environment = os.environ | {f"NEARID_{name.upper()}": value for name, value in given.items()}
        command = [sys.executable, "-m", "vearch_plugin"]
        log = Path(folder, "service.log")
        with log.open("wb") as errors, subprocess.Popen(command, env=environment, stderr=errors, cwd=folder) as process:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process)
            try:
                yield url, psutil.Process(process.pid)
            finally:
                process.send_signal(signal.SIGTERM)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the model is loaded."""
    while process.poll() is None:
        try:
            if requests.get(f"{url}/ready", timeout=10).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise SystemExit("the service did not start")


if __name__ == "__main__":
    main()
