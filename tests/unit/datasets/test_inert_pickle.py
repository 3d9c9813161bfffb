import contextlib
import os
import pickle

import numpy as np
import pytest

from util.datasets.inert_pickle import StoredArray, read_pickled_numbers
from util.errors import DatasetError


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_arrays_come_back(tmp_path, protocol):
    square = np.arange(6, dtype=np.int32).reshape(2, 3)
    arrays = [square, np.asfortranarray(square), square.astype(">i8"), np.array([0.5, -1.0]), np.zeros(0, np.uint16)]
    value = {"names": ["a", "ä"], "box": (1.5, 2), "arrays": arrays, "one": np.float64(0.25), "few": np.int16(-3)}
    path = tmp_path / "numbers.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    read = read_pickled_numbers(path)
    assert {key: read[key] for key in ("names", "box", "one", "few")} == {
        "names": ["a", "ä"], "box": (1.5, 2), "one": 0.25, "few": -3,
    }  # fmt: skip
    for stored, array in zip(read["arrays"], arrays, strict=True):
        assert isinstance(stored, StoredArray)
        np.testing.assert_array_equal(stored.to_numpy(), array)


def test_arrays_of_python_2_come_back(tmp_path):
    """Python 2 stored the bytes of an array as a plain string, and so do the published files."""
    path = tmp_path / "two.pkl"
    path.write_bytes(
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n(S'i2'\n"
        b"I0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\x00\\xff\\x00'\ntb."
    )
    assert read_pickled_numbers(path).to_numpy().tolist() == [1, 255]


class Runs:
    """What a hostile file does: it names a function and what to call it with."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(os.mkdir, ("pwned",)), (eval, ("open('pwned', 'w')",)), (getattr, ("a", "upper")), (np.load, ("pwned",)),
     (np.fromfile, ("pwned",)), (pickle.loads, (b"",))],
)  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_that_a_file_names_is_run(tmp_path, monkeypatch, function, arguments, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pkl"
    path.write_bytes(pickle.dumps({"gnd": [Runs(function, *arguments)]}, protocol=protocol))
    with pytest.raises(DatasetError, match="which is not run"):
        read_pickled_numbers(path)
    assert [file.name for file in tmp_path.iterdir()] == ["hostile.pkl"]


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x05", b"(", b"\x80\x04K\x01", b"I1\n", b"\x80\xff."])
def test_broken_files_are_refused_by_name_or_are_numbers(tmp_path, content):
    path = tmp_path / "broken.pkl"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"broken\.pkl: is not a pickle file"):
        read_pickled_numbers(path)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_files_give_a_value_or_one_error(tmp_path, seed):
    random = np.random.default_rng(seed)
    whole = np.frombuffer(pickle.dumps({"easy": np.arange(9), "bbx": [1.0, 2.0]}, protocol=2), np.uint8)
    path = tmp_path / "mutated.pkl"
    for _ in range(100):
        changed = whole.copy()
        changed[random.integers(0, whole.size, 3)] = random.integers(0, 256, 3)
        path.write_bytes(changed.tobytes())
        with contextlib.suppress(DatasetError):  # any other exception fails
            read_pickled_numbers(path)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ((1, (3,), np.dtype("<i4"), False, b"\0" * 8), "shape"),
        ((1, (-1, -2), np.dtype("<i4"), False, b"\0" * 8), "shape"),
        ((1, (2,), np.dtype("O"), False, [1, 2]), "form"),
        ((), "form"),
    ],
)
def test_arrays_that_lie_about_themselves_are_refused(state, reason):
    from util.datasets.inert_pickle import StoredType

    def stored(part):
        return StoredType(part.str[1:]) if isinstance(part, np.dtype) else part

    array = StoredArray()
    array.__setstate__(tuple(stored(part) for part in state))
    with pytest.raises(ValueError, match=reason):
        array.to_numpy()


def test_texts_and_objects_in_arrays_are_refused():
    from util.datasets.inert_pickle import StoredType

    for code in ("O8", "U3", "S2", "", "i", 5, "i4,i4"):
        with pytest.raises(ValueError, match="only numbers"):
            StoredType(code).to_numpy()


def test_missing_and_oversized_files(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_pickled_numbers(tmp_path / "none.pkl")
    with (tmp_path / "large.pkl").open("wb") as stream:
        stream.truncate(2**29)
    with pytest.raises(DatasetError, match="larger than 256 MiB"):
        read_pickled_numbers(tmp_path / "large.pkl")
