"""Frames of videos: the right ones, the same ones however they are reached, upright, and without beginning anew."""

import os
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from util.errors import ImageError, ImageTooLargeError, InvalidInputError
from util.images import ImageLimits, content_hash, list_frames, read_bytes, read_image, split_frame_address
from util.images.reader_pool import OPEN_VIDEOS, ReaderPool
from util.images.video_reader import VideoReader

CODECS = {"clip.mp4": "mp4v", "clip.mov": "mp4v", "clip.avi": "MJPG", "clip.mkv": "mp4v", "clip.webm": "VP80"}


READ_ALL = """
import sys
from pathlib import Path
from util.errors import ImageError
from util.images import list_frames, read_image

for path in Path(sys.argv[1]).iterdir():
    try:
        shapes = {read_image(address).shape for address in list_frames(path)}
    except ImageError:
        print("error")
    else:
        assert len(shapes) == 1
        print("frames")
"""


@pytest.fixture(scope="module")
def clip(make_video):
    """12 seconds at 30 frames a second: long enough that reaching its end is worth a seek."""
    return make_video("clip.mp4", "mp4v", frames=360)


def naively_read(path):
    """All frames, RGB, as OpenCV gives them one after the other."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while (found := capture.read())[0]:
        frames.append(cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB))
    return frames


@pytest.mark.parametrize("name", CODECS)
def test_every_container_gives_the_frames_it_holds(make_video, number_shown, name):
    path = make_video(name, CODECS[name], frames=45, rate=15)
    addresses = list_frames(path)
    assert addresses == [f"{path}#frame={number}" for number in (0, 15, 30)]
    assert [number_shown(read_image(address)) for address in addresses] == [0, 15, 30]


def test_colour_order_is_rgb(clip):
    frame = read_image(f"{clip}#frame=0")
    assert frame.shape == (120, 160, 3)
    assert frame.dtype == np.uint8
    np.testing.assert_allclose(frame[70, 10], [0, 40, 250], atol=30)  # red 0 in frame 0; blue 250: written as BGR


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1.0, range(0, 360, 30)), (5.0, [0, 150, 300]), (100.0, [0]), (0.5, range(0, 360, 15)), (1e-6, range(360))],
)
def test_frames_are_spread_evenly(clip, every, expected):
    assert [split_frame_address(address)[1] for address in list_frames(clip, every_seconds=every)] == list(expected)


def test_uneven_rates_are_rounded(make_video, number_shown):
    path = make_video("ntsc.mp4", "mp4v", frames=100, rate=30000 / 1001)
    numbers = [split_frame_address(address)[1] for address in list_frames(path, every_seconds=0.7)]
    assert numbers == [round(k * 0.7 * 30000 / 1001) for k in range(5)]
    assert [number_shown(read_image(f"{path}#frame={number}")) for number in numbers] == numbers


def test_any_order_gives_the_frames_of_reading_straight_through(clip):
    straight = naively_read(clip)
    assert len(straight) == 360
    order = np.random.default_rng(0).permutation(360)[:60].tolist()
    for number in [0, 359, 1, 358, 300, 299, 300, *order]:
        np.testing.assert_array_equal(read_image(f"{clip}#frame={number}"), straight[number], err_msg=str(number))


def test_bytes_are_a_file_of_the_same_pixels(clip):
    data = read_bytes(f"{clip}#frame=7")
    np.testing.assert_array_equal(read_image(data), read_image(f"{clip}#frame=7"))
    assert content_hash(data) == content_hash(read_bytes(f"{clip}#frame=7"))
    assert content_hash(data) != content_hash(read_bytes(f"{clip}#frame=8"))


def test_reading_on_does_not_begin_anew(make_video, monkeypatch):
    """In order, from one thread or four, a frame is decoded about once a thread, not once for each frame after it."""
    grabbed, opened = [], []
    grab, open_ = VideoReader._grab, VideoReader._open
    monkeypatch.setattr(VideoReader, "_grab", lambda self: grabbed.append(1) or grab(self))
    monkeypatch.setattr(VideoReader, "_open", lambda self: opened.append(1) or open_(self))
    for threads in (1, 4):
        path = make_video("clip.mp4", "mp4v", frames=240)
        addresses = list_frames(path, every_seconds=0.2)
        grabbed.clear()
        opened.clear()
        with ThreadPoolExecutor(threads) as pool:
            shapes = [frame.shape for frame in pool.map(read_image, addresses)]
        assert shapes == [(120, 160, 3)] * 40
        assert len(opened) <= threads + 2  # two threads may overtake each other now and then
        assert len(grabbed) <= 240 * (threads + 2)


def test_threads_do_not_mix_frames_up(clip, number_shown):
    numbers = np.random.default_rng(1).integers(0, 360, 80).tolist()
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda number: number_shown(read_image(f"{clip}#frame={number}")), numbers))
    assert shown == numbers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_reads_by_itself(tmp_path):
    """Parent and child share the position in a file that was open before: here the file is too large to be buffered."""
    path, noise = tmp_path / "noise.avi", np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, (160, 120))
    for _ in range(150):
        writer.write(noise.integers(0, 256, (120, 160, 3), dtype=np.uint8))
    writer.release()
    straight = naively_read(path)

    def all_right():
        return all(np.array_equal(read_image(f"{path}#frame={n}"), straight[n]) for n in range(11, 150, 3))

    read_image(f"{path}#frame=10")  # leaves a reader open
    child = os.fork()
    if child == 0:
        os._exit(0 if all_right() else 1)
    right = all_right()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert right


def test_of_several_open_readers_the_nearest_before_is_taken(clip):
    pool = ReaderPool(size=2)
    with pool.borrow(clip, 50) as first, pool.borrow(clip, 150) as second:
        first.read(50)
        second.read(150)
    for number, expected in [(200, second), (100, first), (130, first), (201, second), (5, second)]:
        with pool.borrow(clip, number) as reader:
            assert reader is expected, number
            reader.read(number)


def test_a_file_that_was_replaced_is_another_video(make_video, number_shown, tmp_path):
    path = tmp_path / "live.mp4"
    path.write_bytes(make_video("a.mp4", "mp4v", frames=30).read_bytes())
    assert number_shown(read_image(f"{path}#frame=9")) == 9
    path.write_bytes(make_video("b.mp4", "mp4v", frames=30, width=320, height=240).read_bytes())
    assert read_image(f"{path}#frame=10").shape == (240, 320, 3)


def grown(data, *path, body):
    """An MP4 file whose box at ``path`` holds another body, with the sizes of all boxes around it corrected."""

    def rebuild(block, names):
        out, position = b"", 0
        while position < len(block):
            size, name = struct.unpack(">I4s", block[position : position + 8])
            inner = block[position + 8 : position + size]
            if name == names[0]:
                inner = body(inner) if len(names) == 1 else rebuild(inner, names[1:])
            out += struct.pack(">I4s", len(inner) + 8, name) + inner
            position += size
        return out

    assert data.index(b"mdat") < data.index(b"moov")  # so that pixel data stays where it is
    return rebuild(data, [name.encode() for name in path])


def test_variable_frame_rate(make_video, number_shown, tmp_path):
    """Frames 0 to 199 are shown three times as long as frames 200 to 399, in the same ten seconds."""
    data = make_video("even.mp4", "mp4v", frames=400, rate=40).read_bytes()

    def durations(box):
        entries, count, duration = struct.unpack(">III", box[4:16])
        assert (entries, count, duration % 2) == (1, 400, 0)
        return box[:4] + struct.pack(">IIIII", 2, 200, duration * 3 // 2, 200, duration // 2)

    path = tmp_path / "uneven.mp4"
    path.write_bytes(grown(data, "moov", "trak", "mdia", "minf", "stbl", "stts", body=durations))
    times = np.concatenate([np.arange(200) * 1.5, 300 + np.arange(200) * 0.5]) / 40  # seconds, first frame to last

    def naive(number):
        return int(np.argmax(times >= (number - 0.5) / 40 - 1e-9))

    for number in [0, 1, 2, 50, 150, 390, 380, 381, 300, 5, 260, 261, 262, 398, 275, 301, 303]:
        assert number_shown(read_image(f"{path}#frame={number}")) == naive(number), number
    seconds = [number_shown(read_image(address)) for address in list_frames(path)]
    assert seconds == [naive(40 * second) for second in range(10)]
    assert seconds[1:3] == [27, 53]  # 27 × 1.5 / 40 = 1.01 seconds


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_is_honoured(make_video, tmp_path, turns):
    flat = make_video("flat.mp4", "mp4v", frames=5)
    cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][turns]

    def turned_clockwise(box):
        matrix = struct.pack(">9i", cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30)
        return box[:40] + matrix + box[76:]

    path = tmp_path / "turned.mp4"
    path.write_bytes(grown(flat.read_bytes(), "moov", "trak", "tkhd", body=turned_clockwise))
    np.testing.assert_array_equal(
        read_image(f"{path}#frame=3"), np.rot90(read_image(f"{flat}#frame=3"), -turns), err_msg=str(turns)
    )


@pytest.mark.parametrize("name", ["clip.avi", "clip.webm"])
def test_a_video_that_is_cut_off_gives_the_frames_that_are_there(make_video, number_shown, tmp_path, name):
    whole = make_video(name, CODECS[name], frames=90).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) // 2])
    addresses = list_frames(path, every_seconds=0.1)
    assert 10 <= len(addresses) < 25
    assert [number_shown(read_image(address)) for address in addresses] == list(range(0, 3 * len(addresses), 3))
    with pytest.raises(ImageError, match="has no frame 89"):
        read_image(f"{path}#frame=89")


def test_a_frame_past_the_end(clip):
    with pytest.raises(ImageError, match=r"clip\.mp4: has no frame 360 "):
        read_image(f"{clip}#frame=360")
    assert read_image(f"{clip}#frame=359").shape == (120, 160, 3)


def test_pixel_limit_counts_for_frames(clip):
    assert read_image(f"{clip}#frame=0", limits=ImageLimits(max_pixels=160 * 120)).shape == (120, 160, 3)
    with pytest.raises(ImageTooLargeError, match="160×120"):
        read_image(f"{clip}#frame=0", limits=ImageLimits(max_pixels=160 * 120 - 1))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "file is empty"),
        (b"not a video", "is not an MP4, MOV, AVI, Matroska or WebM video"),
        (b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n", "is not an MP4"),  # FFmpeg would follow it
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "is not an MP4"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 500, "holds no"),
        (b"RIFF\0\0\0\0AVI " + b"\0" * 500, "holds no"),
        (b"\x1aE\xdf\xa3" + b"\0" * 500, "holds no"),
    ],
)
def test_what_is_no_video(tmp_path, content, reason):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (
        list_frames,
        lambda video: read_image(f"{video}#frame=0"),
        lambda video: read_bytes(f"{video}#frame=0"),
    ):
        with pytest.raises(ImageError, match=reason) as caught:
            read(path)
        assert caught.value.source == str(path)


def test_damaged_videos_are_errors_and_quiet(make_video, tmp_path, number_shown):
    """Whatever is damaged: an error or frames, in a process of its own that writes nothing to standard error."""
    whole, chance = make_video("whole.mp4", "mp4v", frames=90).read_bytes(), np.random.default_rng(0)
    for number in range(24):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[chance.integers(0, len(damaged), 10 ** (number % 4))] ^= chance.integers(1, 256, dtype=np.uint8)
        length = chance.integers(1, len(damaged)) if number % 3 == 0 else len(damaged)
        (tmp_path / f"{number}.mp4").write_bytes(damaged[:length].tobytes())
    finished = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    outcomes = finished.stdout.split()
    assert set(outcomes) == {"frames", "error"}
    assert len(outcomes) == 24


def test_pipes_and_directories_are_no_videos(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("pipe.mp4", "folder.mp4"):
        with pytest.raises(ImageError, match="pipe|directory"):
            list_frames(tmp_path / name)


def test_a_list_without_end_is_refused(clip, monkeypatch):
    monkeypatch.setattr("util.images.video._MOST_FRAMES", 12)
    assert len(list_frames(clip, every_seconds=1)) == 12
    with pytest.raises(ImageError, match="more than 12 frames to list: choose a longer interval"):
        list_frames(clip, every_seconds=0.9)


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf")])
def test_the_interval_must_be_positive(clip, every):
    with pytest.raises(InvalidInputError, match="every_seconds"):
        list_frames(clip, every_seconds=every)


def test_a_file_that_bears_the_name_of_a_frame_is_a_file(tmp_path, photo, encode):
    path = tmp_path / "odd.mp4#frame=3"
    path.write_bytes(encode(photo, "PNG"))
    np.testing.assert_array_equal(read_image(path), photo)
    assert split_frame_address(str(path)) == (str(path), None)


@pytest.mark.parametrize("address", ["a.mp4#frame=", "a.mp4#frame=x", "a.mp4#frame=-1", "#frame=1", "a.mp4#Frame=1"])
def test_other_addresses_are_files(address):
    assert split_frame_address(address) == (address, None)
    with pytest.raises(ImageError, match="no such file"):
        read_image(address)


def test_a_path_that_looks_like_a_protocol_is_a_path(make_video, number_shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "concat:clip.mp4"
    odd.write_bytes(make_video("clip.mp4", "mp4v", frames=10).read_bytes())
    assert number_shown(read_image("concat:clip.mp4#frame=5")) == 5


def test_few_videos_stay_open(make_video):
    for _ in range(6):
        read_image(f"{make_video('clip.mp4', 'mp4v', frames=3)}#frame=1")
    assert len(OPEN_VIDEOS._idle) == 4
    assert threading.active_count() < 20
