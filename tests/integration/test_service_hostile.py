"""A thousand hostile requests: each is refused with a reason, nothing stored is harmed, nothing private is told."""

import base64
import copy
import hashlib
import io
import itertools
import json
import random
import struct
import zlib
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from PIL import Image
from starlette.testclient import TestClient

from config.settings import ServiceSettings, Settings
from vearch_plugin.app import create_app

REQUESTS = 1000
KEY = "the-key-nobody-is-told"
SECRET = "the content of a file nobody may read"
UPLOAD_LIMIT = 200_000
PIXEL_LIMIT = 1_000_000
BOUNDARY = "edge"

TEXTS = [
    "x",
    "",
    " ",
    "\0",
    "é🍾",
    "x" * 3000,
    "null",
    "../../etc/passwd",
    "'; DROP TABLE images; --",
    "{{7*7}}",
    "%00",
]
NOT_TEXT = [True, 0, -1, 1.5, [], {}, ["x"], {"x": "y"}, 10**40]
NOT_WHOLE = ["", "x", "1e3", [], {}, None, True, 1.5, 1e400, [1]]
NOT_A_SCORE = ["x", [], {}, True, 2, -1.5, 10**30, "NaN"]
NOT_TRUTH = ["perhaps", [], {}, None, 2, -1, ""]
NOT_WHERE = [
    *("x", 7, True, None, [], ["item"]),
    *({"item": {}}, {"item": []}, {"item": None}, {"item": [[1]]}, {"item": {"$ne": 1}}, {"item": {"gte": "a"}}),
    *({"": 1}, {"x y": 1}, {"x' OR '1'='1": 1}, {'a"b': 1}, {"x" * 200: 1}, {"item": {"gte": 1, "or": 2}}),
    {f"f{i}": 1 for i in range(40)},
    {"item": ["x"] * 5000},
]
PATHS = [
    *("../secret.txt", "../../secret.txt", "/etc/passwd", "/proc/self/environ", "/proc/self/mem", "/dev/zero"),
    *("shelf/../../secret.txt", "link.png", "folder/secret.txt", "..\\secret.txt", "....//secret.txt", "~/secret.txt"),
    *("file:///etc/passwd", "a\0.png", "x" * 4096, ".", "..", "/", "shelf", "missing.png", "%2e%2e/secret.txt"),
    *("clip.mp4#frame=9", "/dev/stdin", "CON", "//etc/passwd", "shelf/red.png/..", "secret.txt\0.png"),
]
URLS = [
    *("http://127.0.0.1/", "http://localhost:22/", "http://[::1]:80/", "http://0.0.0.0/", "http://0/"),
    *("http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/a.png", "http://192.168.1.1/", "http://172.16.0.1/"),
    *("http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1]/"),
    *("https://user:password@127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "http://"),
    *("http:///a", "//127.0.0.1/", "http://127.0.0.1\r\nHost: x/", "http://[", "javascript:alert(1)", "dict://x:1/"),
    *("http://100.64.0.1/", "http://224.0.0.1/", "http://[64:ff9b::7f00:1]/", "http://127.0.0.1:99999/"),
]
SPACES = [
    "kept",
    "missing",
    "../kept",
    "kept\0",
    "x" * 300,
    "ke pt",
    "kept/../kept",
    "é",
    "%2e%2e",
    "_spaces",
    "'",
]


@dataclass
class Hostile:
    """One request and, where only some refusals make sense, which."""

    method: str
    path: str
    json: object = None
    content: object = None
    headers: dict = field(default_factory=dict)
    expected: frozenset = frozenset(range(400, 500))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("private-place")
    root = folder / "photos"
    (root / "shelf").mkdir(parents=True)
    (root / "shelf" / "red.png").write_bytes(png((255, 0, 0)))
    (folder / "secret.txt").write_text(SECRET)
    (root / "link.png").symlink_to(folder / "secret.txt")
    (root / "folder").symlink_to(folder)
    return folder


@pytest.fixture(scope="module")
def client(place):
    settings = Settings(
        _env_file=None,
        store=f"embedded:{place}/store.db",
        extractor="color_texture",
        allow_urls=True,
        max_image_pixels=PIXEL_LIMIT,
    )
    limits = ServiceSettings(
        _env_file=None,
        api_key=KEY,
        image_roots=[place / "photos"],
        max_upload_bytes=UPLOAD_LIMIT,
        max_request_images=8,
        rate_limit="none",
        batch_wait=0,
    )
    with TestClient(create_app(settings, limits), raise_server_exceptions=False, headers={"x-api-key": KEY}) as opened:
        images = [{"path": "shelf/red.png", "id": "red", "item": "red"}]
        images += [{"base64": as_base64(png((0, 0, n * 20))), "id": f"blue/{n}", "item": "blue"} for n in range(1, 8)]
        for space in ("kept", "other"):
            answer = opened.post(f"/v1/spaces/{space}/images", json={"images": images})
            assert answer.json()["indexed"] == 8, answer.text
        yield opened


def png(colour, size=(12, 12)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bomb(width: int, height: int, *, honest: bool) -> bytes:
    """A PNG of a few kilobytes that is, or says it is, very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * ((width // 8 + 2) * height)) if honest else b""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bad_images() -> list[bytes]:
    good = png((9, 9, 9))
    tiff = (
        b"II*\0\x08\0\0\0" + b"\x02\0" + struct.pack("<HHII", 256, 4, 1, 2**31) + struct.pack("<HHII", 257, 4, 1, 2**31)
    )
    return [
        *(bomb(2**31 - 1, 2**31 - 1, honest=False), bomb(5000, 5000, honest=True), bomb(1, 2_000_000, honest=True)),
        *(good[:20], good[:45], b"", b"\0" * 100, b"GIF89a" + b"\xff" * 20, tiff),
        *(b"\xff\xd8\xff\xe0" + b"\xff" * 200, b"RIFF\xff\xff\xff\xffWEBPVP8 ", b"BM" + b"\xff" * 60, b"%PDF-1.7"),
        *(
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"PK\x03\x04" + b"\0" * 40,
            b"<?xml version='1.0'?><!DOCTYPE a>",
        ),
    ]


def bodies() -> dict[str, dict]:
    """For each route that takes images, a body that would be served."""
    image = {"base64": as_base64(png((255, 0, 0)))}
    return {
        "/v1/spaces/kept/search": {"images": [image], "k": 3, "where": {"item": "red"}, "min_score": 0.1},
        "/v1/spaces/kept/identify": {"images": [image], "threshold": 0.5, "one_item": False, "where": {"item": "red"}},
        "/v1/spaces/kept/images": {
            "images": [{**image, "id": "other", "item": "x", "metadata": {"n": 1}}], "create": True,
        },
        "/v1/embeddings": {"images": [image], "encoding": "numbers"},
    }  # fmt: skip


WRONG = {
    "images": ["x", 7, None, {}, [], [7], [None], [[]], [{}], [{"base64": ""}], [{"nothing": 1}]],
    "k": [*NOT_WHOLE, 0, -1, 10**9, 10**30, 2**31, 1001],
    "where": NOT_WHERE,
    "min_score": NOT_A_SCORE,
    "threshold": NOT_A_SCORE,
    "one_item": NOT_TRUTH,
    "create": NOT_TRUTH,
    "encoding": ["hex", "", 7, [], {}, None, True],
    "extractor": [True, 7, [], {}, "nobody", "../../grocery", "timm:resnet50", "\0", "x" * 300, "", "__init__", "base"],
    "base64": [*NOT_TEXT, "!", "A", "é", "data:image/png,xx", "data:image/png;base64,", "====", "A" * 50_000],
    "path": [*NOT_TEXT, *PATHS],
    "url": [*NOT_TEXT, *URLS],
    "id": [*NOT_TEXT, "", "\0", "a\nb", "x" * 2000, "a\x7f"],
    "item": [*NOT_TEXT, "", "\0", "x" * 2000],
    "metadata": [
        *("x", 7, [], None, {"path": "/etc"}, {"sha256": "x"}, {"item": "x"}, {"a b": 1}, {"a": {"b": 1}}, {"a": [1]}),
        *({"a": "x" * 20_000}, {"a": "\0"}, {f"f{i}": i for i in range(100)}, {"a": ["x"] * 5000}, {"": 1}),
    ],
    "unknown_field": TEXTS,
}
OF_ALL, OF_IMAGES = ("images", "unknown_field"), ("base64", "path", "url", "unknown_field")
FIELDS = {
    "/v1/spaces/kept/search": ("k", "where", "min_score", *OF_ALL),
    "/v1/spaces/kept/identify": ("threshold", "one_item", "where", *OF_ALL),
    "/v1/spaces/kept/images": ("extractor", "create", *OF_ALL),
    "/v1/embeddings": ("encoding", "extractor", *OF_ALL),
}


def wrong_options(chance):
    path, body = chance.choice(list(bodies().items()))
    name = chance.choice(FIELDS[path])
    return Hostile("POST", path, json={**body, name: chance.choice(WRONG[name])})


def wrong_images(chance):
    path, body = chance.choice(list(bodies().items()))
    name = chance.choice([*OF_IMAGES, *(("id", "item", "metadata") if path.endswith("/images") else ())])
    image = copy.deepcopy(body["images"][0])
    if name in ("path", "url"):
        del image["base64"]
    return Hostile("POST", path, json={**body, "images": [{**image, name: chance.choice(WRONG[name])}]})


def undecodable_images(chance):
    path, body = chance.choice(list(bodies().items()))
    count = chance.randint(1, 3)
    images = [{"base64": as_base64(chance.choice(bad_images()))} for _ in range(count)]
    return Hostile("POST", path, json={**body, "images": images}, expected=frozenset({413, 422}))


def malformed_json(chance):
    path, body = chance.choice(list(bodies().items()))
    text = json.dumps(body).encode()
    cut = chance.randrange(1, len(text) - 1)
    content = chance.choice([
        text[:cut],
        text[:cut] + b"\xff\xfe" + text[cut:],
        text[:cut] + b'"' + text[cut:] + b'"',
        text.replace(b"[", b"[NaN, "),
        text.replace(b"[", b"[Infinity, "),
        b'{"images": [{"base64": "\\ud800"}]}',
        b"[" * 100_000, b'{"images":' * 20_000, b"", b"null", b"7", b'"x"', b"[]", b"\xef\xbb\xbf",
        text.decode().encode("utf-16"), b"{'images': []}", b"<xml/>", b"images=1", bytes(chance.randbytes(300)),
    ])  # fmt: skip
    return Hostile("POST", path, content=content, headers={"content-type": "application/json"})


def part(name: str, data: bytes, *, file: str | None = None, more: str = "") -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{more}\r\n'.encode() + data + b"\r\n"
    )


def malformed_forms(chance):
    path = chance.choice(list(bodies()))
    good, end = part("image", png((1, 2, 3)), file="a.png"), f"--{BOUNDARY}--\r\n".encode()
    content = chance.choice([
        good[: chance.randrange(1, 60)],
        end, b"", b"\r\n", b"--", bytes(chance.randbytes(500)),
        good.replace(BOUNDARY.encode(), b"other") + end,
        part("image", chance.choice(bad_images()), file="a.png") + end,
        part("image", b"text, no file") + end,
        part("picture", png((1, 2, 3)), file="a.png") + end,
        good * 9 + end,
        good + b"".join(part("k", b"3") for _ in range(200)) + end,
        good + part("unknown", b"1") + end,
        good + part("where", b"{") + end,
        good + part("metadata", b"{") + part("where", b"[NaN]") + end,
        good + part("extractor", b"nobody") + part("k", b"x") + end,
        good + part("k", b"1" * 100_000) + part("create", b"maybe") + end,
        b"Content-Disposition: form-data\r\n\r\n" + good + part("unknown", b"") + end,
        part("image", png((1, 2, 3)), file="a.png", more="X: " + "y" * 100_000 + "\r\n") + part("nothing", b"") + end,
        part("image\0", png((1, 2, 3)), file="../../a.png\0") + end,
    ])  # fmt: skip
    kind = chance.choice([f"multipart/form-data; boundary={BOUNDARY}"] * 9 + ["multipart/form-data"])
    return Hostile("POST", path, content=content, headers={"content-type": kind})


def too_large(chance):
    path = chance.choice(list(bodies()))
    size = UPLOAD_LIMIT + chance.choice([1, 1000, 1_000_000])
    kind = chance.choice(["application/json", f"multipart/form-data; boundary={BOUNDARY}"])
    content = b" " * size if chance.random() < 0.5 else itertools.repeat(b" " * 10_000, size // 10_000 + 1)
    declared = {"content-length": chance.choice(["9" * 15, "9" * 4000])} if chance.random() < 0.2 else {}
    return Hostile(
        "POST", path, content=b"" if declared else content, headers={"content-type": kind, **declared},
        expected=frozenset({413}),
    )  # fmt: skip


def strange_paths(chance):
    space, id_ = chance.choice(SPACES), chance.choice([*PATHS, *TEXTS, "missing"])
    if id_ in (".", "..", ""):
        id_ += "x"  # a client leaves these out of an URL before it asks
    method, path = chance.choice([
        ("GET", f"/v1/spaces/{quote(space, safe='')}/images/{quote(id_, safe='')}"),
        ("DELETE", f"/v1/spaces/{quote(space, safe='')}/images/{quote(id_, safe='')}"),
        ("GET", f"/v1/spaces/{quote('missing' + space, safe='')}"),
        ("DELETE", f"/v1/spaces/{quote('missing' + space, safe='')}"),
        ("POST", f"/v1/spaces/{quote(' ' + space, safe='')}"),
        ("POST", "/v1/spaces/kept"),
        ("GET", f"/v1/{quote(id_, safe='/')}/x"),
        ("PATCH", "/v1/spaces/kept"),
        ("PUT", "/v1/spaces/kept/images"),
        ("TRACE", "/v1/spaces"),
        ("GET", "/v1/%2e%2e/config/settings"),
    ])  # fmt: skip
    return Hostile(method, path)


def wrong_spaces(chance):
    wrong = [
        *([], "x", 7, {"index": "HNSW4096"}, {"index": "IVF999999999,Flat"}, {"index": "../x"}, {"index": 7}),
        *({"extractor": "timm:x"}, {"extractor": "nobody"}, {"recipe": "resize=100000"}, {"dimension": 2**40}),
    ]
    return Hostile("POST", "/v1/spaces/made", json=chance.choice(wrong))


def wrong_kinds(chance):
    kind = chance.choice(
        ["text/plain", "application/xml", "image/png", "", "application/json/x", "multipart/mixed", b"\xff"]
    )
    path, body = chance.choice(list(bodies().items()))
    return Hostile(
        "POST", path, content=json.dumps(body).encode(), headers={"content-type": kind}, expected=frozenset({400, 415})
    )


def strangers(chance):
    method, path = chance.choice([("GET", "/v1/spaces"), ("DELETE", "/v1/spaces/kept"), ("GET", "/metrics")])
    wrong = chance.choice(["", "x", KEY[:-1], KEY.upper(), f"Bearer {KEY}", "0" * 5000])
    return Hostile(method, path, headers={"x-api-key": wrong}, expected=frozenset({401}))


KINDS = (
    *(wrong_options, wrong_images, undecodable_images, malformed_json, malformed_forms, too_large),
    *(strange_paths, wrong_spaces, wrong_kinds, strangers),
)


def checksum(client) -> str:
    """Of everything the store holds."""
    store = client.app.state.service.store
    held = hashlib.sha256()
    for info in store.list_spaces():
        held.update(repr((info.name, info.count, info.fingerprint, info.index)).encode())
        for batch in store.iterate(info.name):
            held.update(repr((batch.ids, [sorted(fields.items()) for fields in batch.metadata])).encode())
            held.update(batch.vectors.tobytes())
    return held.hexdigest()


def send(client, made: Hostile):
    if made.json is None:
        return client.request(made.method, made.path, content=made.content, headers=made.headers)
    # The client's own encoder refuses what no sane one would send.
    headers = {"content-type": "application/json", **made.headers}
    return client.request(made.method, made.path, content=json.dumps(made.json).encode(), headers=headers)


def what_is_wrong(made: Hostile, answer, *, private) -> str:
    if answer.status_code not in made.expected:
        return f"status {answer.status_code}"
    error = answer.json().get("error", {})
    if error.keys() != {"code", "message", "detail"} or not error["code"] or not error["message"]:
        return "another shape"
    told = [word for word in private if word in answer.text and word not in made.path]
    return f"tells {told}" if told else ""


@pytest.mark.slow
def test_hostile_requests_are_refused_and_harm_nothing(client, place):
    chance = random.Random(4101)
    before = checksum(client)
    statuses, complaints = set(), []
    for number in range(REQUESTS):
        made = KINDS[number % len(KINDS)](chance)
        answer = send(client, made)
        statuses.add(answer.status_code)
        wrong = what_is_wrong(made, answer, private=(KEY, SECRET, str(place), "site-packages", ".py", "Traceback"))
        if wrong:
            given = str(made.json or made.content)[:200]
            complaints.append(f"{number}: {wrong}: {made.method} {made.path[:100]} {given}: {answer.text[:200]}")
    assert not complaints, f"{len(complaints)} answers are wrong:\n" + "\n".join(complaints[:20])
    assert {400, 401, 404, 405, 409, 413, 415, 422} <= statuses
    assert checksum(client) == before
    found = client.post("/v1/spaces/kept/search", json={**bodies()["/v1/spaces/kept/search"]})
    assert found.json()["results"][0]["hits"][0]["id"] == "red", "it serves as before"


@pytest.mark.slow
def test_hostile_image_files_are_refused_or_embedded(client, hostile_images):
    """Every mutated file either decodes or is refused; the service lives on."""
    for path in hostile_images[::10]:
        answer = client.post("/v1/embeddings", files={"image": path.read_bytes()})
        assert answer.status_code in (200, 413, 422), f"{path.name}: {answer.text[:300]}"
