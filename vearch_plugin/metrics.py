"""What the service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one application; two in one process do not mix.

    Routes are counted by their pattern (``/v1/spaces/{space}/search``), so that no client can make up new series.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "nearid_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "nearid_request_seconds", "Time to answer", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.refused = Counter(
            "nearid_refused", "Requests refused before any work was done", ("reason",), registry=self.registry
        )
        self.pass_images = Histogram(
            "nearid_pass_images", "Images embedded in one forward pass", buckets=_IMAGES, registry=self.registry
        )
        self.pass_seconds = Histogram(
            "nearid_pass_seconds", "Time of one forward pass", buckets=_SECONDS, registry=self.registry
        )
        self._in_work = Gauge("nearid_requests_in_work", "Requests being worked on", registry=self.registry)
        self._queued = Gauge("nearid_images_queued", "Images that wait for a forward pass", registry=self.registry)

    def watch(self, *, in_work: Callable[[], float], queued: Callable[[], float]) -> None:
        """Reads two gauges whenever somebody asks for the metrics."""
        self._in_work.set_function(in_work)
        self._queued.set_function(queued)

    def observe_pass(self, images: int, seconds: float) -> None:
        """Counts one forward pass."""
        self.pass_images.observe(images)
        self.pass_seconds.observe(seconds)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
