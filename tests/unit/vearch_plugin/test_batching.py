import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from util.errors import InvalidInputError
from vearch_plugin.batching import BatchedExtractor, Batcher
from vearch_plugin.errors import DeadlineExceededError, UnavailableError


@pytest.fixture
def held(mean_colour):
    """An extractor whose passes wait until they are let go."""

    class Held(mean_colour):
        def __init__(self):
            super().__init__()
            self.go = threading.Event()
            self.started = threading.Semaphore(0)

        def embed(self, prepared):
            self.started.release()
            self.go.wait(30)
            if any(image.shape[0] == 1 for image in prepared):
                self.embedded.append(len(prepared))
                raise InvalidInputError("too small")
            return super().embed(prepared)

    return Held()


def image(*colour, size=4):
    return np.full((size, size, 3), colour, dtype=np.uint8)


def colours(count):
    return [image(*rgb) for rgb in np.random.default_rng(0).integers(1, 255, (count, 3))]


def soon(seconds=20.0):
    return time.monotonic() + seconds


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def batcher(extractor, **options):
    return Batcher(extractor, **{"batch_size": 8, "wait": 0, "capacity": 100, **options})


def test_every_request_gets_the_rows_of_its_own_images(mean_colour):
    extractor = mean_colour()
    images = colours(200)
    batches = batcher(extractor)
    parts = [images[i : i + 1 + i % 5] for i in range(150)]
    with ThreadPoolExecutor(16) as pool:
        rows = list(pool.map(lambda part: batches.embed(part, deadline=soon()), parts))
    batches.close()
    for part, found in zip(parts, rows, strict=True):
        np.testing.assert_array_equal(found, mean_colour().embed(part))


def test_what_waits_during_a_pass_goes_into_the_next_one_together(held):
    seen = []
    batches = batcher(held, batch_size=8, observe=lambda images, seconds: seen.append(images))
    images = colours(9)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batches.embed, images[:1], deadline=soon())
        held.started.acquire()
        others = [pool.submit(batches.embed, [one], deadline=soon()) for one in images[1:]]
        wait_until(lambda: batches.queued == 8)
        held.go.set()
        assert first.result().shape == (1, 3)
        assert all(other.result().shape == (1, 3) for other in others)
    batches.close()
    assert held.embedded == [1, 8] == seen


def test_a_pass_holds_no_more_than_the_batch_size_but_a_large_request_whole(held):
    batches = batcher(held, batch_size=4)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(batches.embed, colours(1), deadline=soon())]
        held.started.acquire()
        for count in (3, 2, 9):
            before = batches.queued
            asked.append(pool.submit(batches.embed, colours(count), deadline=soon()))
            wait_until(lambda before=before, count=count: batches.queued == before + count)
        held.go.set()
        assert [len(one.result()) for one in asked] == [1, 3, 2, 9]
    batches.close()
    assert held.embedded == [1, 3, 2, 9]


def test_the_images_of_one_request_do_not_spoil_the_others(held):
    batches = batcher(held)
    good, bad = colours(2), [image(1, 2, 3, size=1)]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(batches.embed, colours(1), deadline=soon())]
        held.started.acquire()
        asked += [pool.submit(batches.embed, images, deadline=soon()) for images in (good, bad, good)]
        wait_until(lambda: batches.queued == 5)
        held.go.set()
        assert len(asked[1].result()) == len(asked[3].result()) == 2
        with pytest.raises(InvalidInputError, match="too small"):
            asked[2].result()
    assert len(batches.embed(good, deadline=soon())) == 2, "the batcher lives on"
    batches.close()


def test_who_waits_past_its_deadline_is_told_and_not_embedded(held):
    batches = batcher(held)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(batches.embed, colours(1), deadline=soon())
        held.started.acquire()
        with pytest.raises(DeadlineExceededError):
            batches.embed(colours(5), deadline=soon(0.05))
        held.go.set()
        first.result()
    batches.close()
    assert held.embedded == [1]


def test_no_more_images_wait_than_there_is_room_for(held):
    batches = batcher(held, capacity=3)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(batches.embed, colours(1), deadline=soon())]
        held.started.acquire()
        asked.append(pool.submit(batches.embed, colours(3), deadline=soon()))
        wait_until(lambda: batches.queued == 3)
        with pytest.raises(DeadlineExceededError):
            batches.embed(colours(1), deadline=soon(0.05))
        assert batches.queued == 3
        held.go.set()
        assert [len(one.result()) for one in asked] == [1, 3]
    batches.close()


def test_closing_finishes_what_waits_and_refuses_what_comes(held):
    batches = batcher(held)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(batches.embed, colours(1), deadline=soon())]
        held.started.acquire()
        asked.append(pool.submit(batches.embed, colours(2), deadline=soon()))
        wait_until(lambda: batches.queued == 2)
        closing = pool.submit(batches.close)
        wait_until(lambda: batches._closed)
        with pytest.raises(UnavailableError):
            batches.embed(colours(1), deadline=soon())
        held.go.set()
        closing.result()
        assert [len(one.result()) for one in asked] == [1, 2]
    batches.close()


def test_no_image_needs_no_pass(mean_colour):
    extractor = mean_colour()
    batches = batcher(extractor)
    assert batches.embed([], deadline=soon()).shape == (0, 3)
    batches.close()


def test_the_steps_take_it_for_the_extractor_behind(mean_colour):
    extractor = mean_colour()
    batches = batcher(extractor)
    shared = BatchedExtractor(batches, deadline=soon())
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    assert (shared.name, shared.dimension, str(shared.recipe)) == ("mean_colour", 3, str(extractor.recipe))
    assert shared.fingerprint == extractor.fingerprint
    np.testing.assert_array_equal(shared.extract([pixels]), mean_colour().extract([pixels]))
    with pytest.raises(DeadlineExceededError):
        BatchedExtractor(batches, deadline=time.monotonic()).prepare(pixels)
    batches.close()
