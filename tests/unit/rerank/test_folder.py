"""What is kept in files: bounded, shared by processes, never half an entry."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.rerank import build_reranker
from util.rerank._folder import ArrayFolder

KILOBYTE = 1 << 10


def numbers(fill, size=10 * KILOBYTE):
    return {"values": np.full(size, fill, np.uint8)}


def written_long_ago(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def bytes_in(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_is_used_stays_and_what_was_unused_longest_goes(tmp_path):
    folder = ArrayFolder(tmp_path, max_bytes=48 * KILOBYTE)  # room for four
    for age, name in enumerate("abcd"):
        folder.write(name, numbers(age))
        written_long_ago(tmp_path / f"{name}.npz", 100 - age)
    assert folder.read("a")["values"][0] == 0  # the oldest, but used now
    folder.write("e", numbers(9))
    assert folder.read("b") is None
    assert [name for name in "acde" if folder.read(name) is None] == []


def test_the_bound_holds_through_many_writes(tmp_path):
    folder = ArrayFolder(tmp_path, max_bytes=100 * KILOBYTE)
    most = 0
    for number in range(60):
        folder.write(str(number), numbers(number, size=(1 + number % 7) * KILOBYTE))
        most = max(most, bytes_in(tmp_path))
    assert 80 * KILOBYTE < most <= 100 * KILOBYTE


def test_an_entry_larger_than_the_bound_is_not_kept(tmp_path):
    folder = ArrayFolder(tmp_path, max_bytes=5 * KILOBYTE)
    folder.write("large", numbers(1))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_filled_before_is_trimmed_at_the_first_write(tmp_path):
    ample = ArrayFolder(tmp_path, max_bytes=1000 * KILOBYTE)
    for number in range(10):
        ample.write(str(number), numbers(number))
    ArrayFolder(tmp_path, max_bytes=40 * KILOBYTE).write("new", numbers(1))
    assert bytes_in(tmp_path) <= 40 * KILOBYTE


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"x" * 50 * KILOBYTE)
    ArrayFolder(tmp_path, max_bytes=20 * KILOBYTE).write("a", numbers(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "notes.txt"]


WRITER = """
import sys
from pathlib import Path
import numpy as np
from util.rerank._folder import ArrayFolder

class Endless:
    # Written in the middle of an entry, after some of its bytes are on the disk.
    def __array__(self, dtype=None, copy=None):
        print("writing", flush=True)
        sys.stdin.read()

ArrayFolder(Path(sys.argv[1]), max_bytes=10**6).write("half", {"first": np.ones(20_000), "second": Endless()})
"""


def test_a_killed_writer_leaves_nothing_that_is_read_and_its_draft_is_swept_up(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"writing\n"
    finally:
        process.kill()
        process.communicate()
    [draft] = tmp_path.iterdir()
    folder = ArrayFolder(tmp_path, max_bytes=10**6)
    assert folder.read("half") is None
    folder.write("other", numbers(1))
    assert draft.exists(), "somebody may still be writing it"
    written_long_ago(draft, 3600)
    ArrayFolder(tmp_path, max_bytes=10**6).write("third", numbers(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.npz", "third.npz"]


SHARER = """
import sys
from pathlib import Path
import numpy as np
from util.rerank._folder import ArrayFolder

folder, seed = ArrayFolder(Path(sys.argv[1]), max_bytes=60 << 10), int(sys.argv[2])
rng = np.random.default_rng(seed)
found = 0
for number in rng.integers(0, 12, 150):
    arrays = folder.read(str(number))
    if arrays is None:
        folder.write(str(number), {"values": np.full(10 << 10, number, np.uint8)})
    else:
        assert arrays["values"].shape == (10 << 10,) and (arrays["values"] == number).all()
        found += 1
print(found)
"""


def test_processes_share_a_folder_that_is_trimmed_all_the_time(tmp_path):
    def run(seed):
        return subprocess.run(
            [sys.executable, "-c", SHARER, str(tmp_path), str(seed)], capture_output=True, text=True, check=True
        )

    with ThreadPoolExecutor(3) as pool:
        found = [int(process.stdout) for process in pool.map(run, range(3))]
    assert min(found) > 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".npz"}
    ArrayFolder(tmp_path, max_bytes=60 * KILOBYTE).write("last", numbers(1))
    assert bytes_in(tmp_path) <= 60 * KILOBYTE


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path):
    (tmp_path / "file").write_text("in the way")
    folder = ArrayFolder(tmp_path / "file" / "folder", max_bytes=KILOBYTE)
    folder.write("a", numbers(1))
    assert folder.read("a") is None


@pytest.mark.parametrize("most", [0, -1])
def test_refuses_no_room(tmp_path, most):
    with pytest.raises(InvalidInputError, match=f"room for something, not {most} bytes"):
        build_reranker("dba", cache_dir=tmp_path, cache_bytes=most)


@pytest.mark.parametrize(
    ("place", "value"),
    [(10, 8), (10, 12), (10, 14), (10, 99), (6, 250), (8, 1), (8, 32), (8, 64)],
    ids=["deflated", "bzip2", "lzma", "unknown", "later version", "encrypted", "patched", "strongly encrypted"],
)
def test_a_byte_that_makes_an_entry_seem_another_sort_of_file_is_damage_too(tmp_path, place, value):
    folder = ArrayFolder(tmp_path, max_bytes=10_000)
    folder.write("a", {"x": np.arange(9)})
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[whole.rindex(b"PK\x01\x02") + place] = value  # in the directory at the end of the archive
    (tmp_path / "a.npz").write_bytes(whole)
    assert folder.read("a") is None
