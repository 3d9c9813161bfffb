"""Weights in files: strict, safe, and the same digest everywhere."""

import hashlib
import pickle

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from util.errors import ExtractorUnavailableError, WeightsMissingError
from util.networks.states import file_sha256, fit_state, read_state, state_digest, write_state


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


@pytest.fixture(autouse=True)
def own_generator():
    with torch.random.fork_rng():
        yield


def test_what_was_written_is_read_back(tmp_path):
    original, other = network(0), network(1)
    digest = write_state(tmp_path / "net.safetensors", original)
    fit_state(other, read_state(tmp_path / "net.safetensors"), source="net")
    assert digest == hashlib.sha256((tmp_path / "net.safetensors").read_bytes()).hexdigest()
    assert digest == file_sha256(tmp_path / "net.safetensors")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in original.state_dict().items())


@given(st.binary(max_size=200))
@example(pickle.dumps({"weight": [1, 2]}))
@example(b"half a download")
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, ending, content):
    path = tmp_path_factory.mktemp("weights") / f"net{ending}"
    path.write_bytes(content)
    with pytest.raises(ExtractorUnavailableError, match="net") as raised:
        read_state(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("position", range(0, 2000, 97))
def test_a_damaged_checkpoint_is_refused_or_read_as_tensors(tmp_path, position):
    path = tmp_path / "net.pth"
    torch.save(network().state_dict(), path)
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(bytes(content))
    try:
        state = read_state(path)
    except ExtractorUnavailableError:
        return
    assert all(isinstance(value, torch.Tensor) for value in state.values())


def test_code_in_a_pickle_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ExtractorUnavailableError):
        read_state(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["absent.safetensors", "folder.pth"])
def test_absent_weights_are_missing(tmp_path, name):
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(WeightsMissingError, match="put the file there"):
        read_state(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, "the weights in net are of another network: 0.weight is missing$"),
        ({"extra": torch.zeros(1)}, "extra is unexpected"),
        ({"3.bias": torch.zeros(5)}, r"3.bias has shape \(5,\), not \(2,\)"),
        ({"0.weight": None, "0.bias": None, "3.bias": None, "3.weight": None}, "3.weight is missing; and 1 more"),
    ],
)
def test_differences_are_named(change, message):
    state = {name: value for name, value in (network().state_dict() | change).items() if value is not None}
    with pytest.raises(ExtractorUnavailableError, match=message):
        fit_state(network(), state, source="net")


def test_the_classifier_may_be_left_out_and_nothing_else():
    state = network().state_dict() | {"fc.weight": torch.zeros(1)}
    fit_state(network(), state, source="net", left_out=("fc.",))
    with pytest.raises(ExtractorUnavailableError, match=r"fc\.weight is unexpected"):
        fit_state(network(), state, source="net")


def test_old_weights_lack_the_counters_of_batch_norm():
    state = {name: value for name, value in network().state_dict().items() if not name.endswith("batches_tracked")}
    with torch.device("meta"):
        empty = network()
    fit_state(empty, state, source="net")
    assert empty.eval()(torch.zeros(1, 3, 3, 3)).shape == (1, 2)


def test_half_precision_weights_are_widened():
    state = {
        name: value.half() if value.is_floating_point() else value for name, value in network().state_dict().items()
    }
    other = network(1)
    fit_state(other, state, source="net")
    assert {value.dtype for value in other.parameters()} == {torch.float32}


def test_the_digest_is_over_names_types_shapes_and_values():
    one = nn.ParameterDict({"a": torch.arange(6.0)})
    digests = {
        state_digest(one),
        state_digest(nn.ParameterDict({"b": torch.arange(6.0)})),
        state_digest(nn.ParameterDict({"a": torch.arange(6.0).reshape(2, 3)})),
        state_digest(nn.ParameterDict({"a": torch.arange(6.0).double()})),
        state_digest(nn.ParameterDict({"a": torch.arange(1.0, 7.0)})),
    }
    assert len(digests) == 5
    assert state_digest(nn.ParameterDict({"a": torch.arange(6.0)})) == state_digest(one)


def test_the_digest_is_the_documented_sha256():
    expected = hashlib.sha256(b"a torch.float32 (2,)\n" + b"\x00\x00\x80\x3f\x00\x00\x00\x40").hexdigest()
    assert state_digest(nn.ParameterDict({"a": torch.tensor([1.0, 2.0])})) == expected


def test_the_digest_is_blind_to_memory_layout_and_counters():
    one, other = network(), network().to(memory_format=torch.channels_last)
    other[1].num_batches_tracked += 5
    assert state_digest(one) == state_digest(other)
