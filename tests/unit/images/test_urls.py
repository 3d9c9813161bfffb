"""URLs, against a real server on this machine that answers, misleads, dawdles and floods."""

import base64
import io
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from util.errors import ImageError, ImageTooLargeError
from util.images import ImageLimits, addresses, read_bytes, read_image, urls

PIXELS = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)


def png():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


class Server(BaseHTTPRequestHandler):
    """Each path is one behaviour."""

    def do_GET(self):
        self.server.seen.append(self.path)
        name = self.path.partition("?")[0].strip("/").replace("-", "_").replace(".", "_")
        try:
            getattr(self, name, self.missing)()
        except OSError:  # the client had enough
            self.close_connection = True

    def answer(self, status=200, body=b"", length=None, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data, seconds):
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.closing.wait(seconds / len(data)):
                return
        self.server.delivered.append(self.path)

    def flood(self):
        while not self.server.closing.is_set():
            self.wfile.write(b"x" * 65536)

    def missing(self):
        self.answer(404)

    def image_png(self):
        self.answer(body=png())

    def a_b_png(self):
        self.answer(body=png())

    def until_close(self):
        self.answer(body=png(), length="none")
        self.close_connection = True

    def chunked(self):
        self.protocol_version = "HTTP/1.1"
        self.answer(length="none", Transfer_Encoding="chunked")
        data = png()
        for part in (data[:50], data[50:], b""):
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")

    def redirect(self):
        self.answer(302, Location="/image.png")

    def relative(self):
        self.answer(307, Location="./image.png#top")

    def loop(self):
        self.answer(301, Location="/loop")

    def to_file(self):
        self.answer(302, Location="file:///etc/hostname")

    def to_ftp(self):
        self.answer(302, Location="ftp://127.0.0.1/a.png")

    def to_nowhere(self):
        self.answer(302)

    def to_metadata(self):
        self.answer(302, Location="http://169.254.169.254/latest/meta-data")

    def to_second_loopback(self):
        self.answer(302, Location=f"http://127.0.0.2:{self.server.server_port}/image.png")

    def flooded_redirect(self):
        self.answer(302, length="none", Location="/image.png")
        self.flood()

    def endless(self):
        self.answer(length="none")
        self.flood()

    def promises_much(self):
        self.answer(body=png(), length=10**12)

    def promises_little_more(self):
        self.answer(body=png(), length=len(png()) + 10)
        self.close_connection = True

    def promises_less(self):
        self.answer(body=png(), length=40)

    def slow_body(self):
        self.answer(length="none")
        self.drip(png(), 20)

    def slow_headers(self):
        self.drip(b"HTTP/1.0 200 OK\r\nX-Filler: " + b"a" * 500 + b"\r\n\r\n" + png(), 20)

    def silent(self):
        self.server.closing.wait(20)
        self.answer(body=png())

    def empty(self):
        self.answer()

    def page(self):
        self.answer(body=b"<html>sign in</html>")

    def zipped(self):
        self.answer(body=png(), Content_Encoding="gzip")

    def garbage(self):
        self.wfile.write(b"\x00\x01 not http \r\n\r\n")

    def hangs_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("", 0), Server) as listening:
        listening.seen, listening.delivered = [], []
        listening.closing, listening.daemon_threads = threading.Event(), True
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        listening.closing.set()
        listening.shutdown()
        thread.join()


@pytest.fixture
def url(server):
    server.seen.clear()
    return lambda path: f"http://127.0.0.1:{server.server_port}/{path}"


def fetch(address, **limits):
    return read_bytes(address, limits=ImageLimits(**limits), allow_urls=True, allow_private_networks=True)


@pytest.mark.parametrize(
    "path", ["image.png", "until-close", "chunked", "redirect", "relative", "image.png?size=1&x=ä b"]
)
def test_the_image_arrives(url, path):
    np.testing.assert_array_equal(
        read_image(url(path), allow_urls=True, allow_private_networks=True), PIXELS, err_msg=path
    )
    assert fetch(url(path)) == png()


def test_odd_characters_are_quoted(url, server):
    with pytest.raises(ImageError, match="404"):
        fetch(url("bottle no 1/ä%20.png?q=\u2192"))
    assert server.seen == ["/bottle%20no%201/%C3%A4%20.png?q=%E2%86%92"]


def test_nothing_is_fetched_unless_allowed(url, server):
    for read in (read_image, read_bytes):
        with pytest.raises(ImageError, match="URLs are not read unless they are allowed"):
            read(url("image.png"), allow_private_networks=True)
    assert server.seen == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "0.0.0.0"]
)
def test_this_machine_is_refused_by_any_name(server, host):
    server.seen.clear()
    with pytest.raises(ImageError, match=r"private network|is not found"):
        read_bytes(f"http://{host}:{server.server_port}/image.png", allow_urls=True)
    assert server.seen == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("64:ff9b::808:808", True),  # 8.8.8.8 by NAT64
        ("127.0.0.53", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::1", False),  # 10.0.0.1 by 6to4
        ("64:ff9b::a00:1", False),  # 10.0.0.1 by NAT64
        ("fe80::1%eth0", False),
    ],
)
def test_public_addresses(address, public):
    assert addresses.is_public(address) is public


@pytest.fixture
def loopback_counts_as_public(monkeypatch):
    """127.0.0.1, and it alone, stands for the open internet."""
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")


@pytest.mark.parametrize("path", ["to-metadata", "to-second-loopback"])
def test_a_redirect_into_the_private_network_is_refused(loopback_counts_as_public, url, server, path):
    assert read_bytes(url("redirect"), allow_urls=True) == png()
    server.seen.clear()
    with pytest.raises(ImageError, match="private network"):
        read_bytes(url(path), allow_urls=True)
    assert server.seen == [f"/{path}"]


def test_the_address_that_was_checked_is_connected_to(loopback_counts_as_public, monkeypatch, server):
    """A name server that gives a public address to the check and a private one to the connection gains nothing."""
    answers = iter(["127.0.0.1", "127.0.0.2"])
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real(next(answers), *rest, **more))
    assert read_bytes(f"http://rebinding.example:{server.server_port}/image.png", allow_urls=True) == png()
    assert next(answers) == "127.0.0.2"  # nobody asked a second time


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "answered 404"),
        ("loop", "redirected more than 5 times"),
        ("to-file", "only http and https"),
        ("to-ftp", "only http and https"),
        ("to-nowhere", "redirected more than 5 times"),
        ("empty", "answer is empty"),
        ("zipped", "compressed"),
        ("promises-little-more", "broke off"),
        ("garbage", "cannot be fetched"),
        ("hangs-up", "cannot be fetched"),
    ],
)
def test_misleading_servers(url, path, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        fetch(url(path))
    assert caught.value.source == url(path)


def test_a_page_instead_of_an_image(url):
    with pytest.raises(ImageError, match="a web page"):
        read_image(url("page"), allow_urls=True, allow_private_networks=True)


def test_a_length_that_is_too_short_cuts_the_image_off(url):
    with pytest.raises(ImageError, match="damaged|cut off"):
        read_image(url("promises-less"), allow_urls=True, allow_private_networks=True)


@pytest.mark.parametrize("path", ["endless", "promises-much"])
def test_floods_are_stopped_at_the_byte_limit(url, path):
    with pytest.raises(ImageTooLargeError):
        fetch(url(path), max_bytes=1_000_000)


def test_the_body_of_a_redirect_is_not_read(url):
    assert fetch(url("flooded-redirect"), max_seconds=10) == png()


def test_byte_limit_is_exact(url):
    assert fetch(url("until-close"), max_bytes=len(png())) == png()
    with pytest.raises(ImageTooLargeError):
        fetch(url("until-close"), max_bytes=len(png()) - 1)


@pytest.mark.parametrize("path", ["slow-body", "slow-headers", "silent"])
def test_slow_servers_are_cut_off(server, url, path):
    """Each would deliver the image after 20 seconds, two of them with never more than a moment between two bytes."""
    with pytest.raises(ImageError, match=r"did not arrive within 0\.5 seconds|timed out"):
        fetch(url(path), max_seconds=0.5)
    assert server.delivered == []


def test_nothing_stays_behind_a_cut_off_download(url):
    before = threading.active_count()
    for _ in range(3):
        fetch(url("image.png"))
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://", "only http and https"),
        ("http:///a.png", "only http and https"),
        ("http://127.0.0.1:0/a.png", "cannot be fetched|only http"),
        ("http://127.0.0.1:99999/a.png", "not a valid URL"),
        ("http://127.0.0.1:1/a.png", "cannot be fetched"),
        ("http://[::1/a.png", "not a valid URL"),
        ("http://nowhere.invalid/a.png", "is not found"),
        ("http://" + "a" * 70 + ".example/a.png", "is not found"),
        ("ftp://127.0.0.1/a.png", "only http and https"),
        ("file:///etc/hostname", "only http and https"),
        ("s3://bucket/a.png", "only http and https"),
    ],
)
def test_addresses_that_lead_nowhere(address, reason):
    with pytest.raises(ImageError, match=reason):
        fetch(address)


def test_passwords_are_neither_sent_nor_repeated(url, server):
    with pytest.raises(ImageError, match="holds a user name") as caught:
        fetch(url("image.png").replace("http://", "http://anna:secret@"))
    assert "secret" not in str(caught.value)
    assert server.seen == []


@pytest.fixture(scope="module")
def secure_server(server, tmp_path_factory):
    """The same behind TLS, with a certificate for ``localhost`` that nobody has signed."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
        f"-keyout {folder}/key.pem -out {folder}/certificate.pem"
    )
    try:
        subprocess.run(command.split(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl cannot make a certificate here: {error}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as listening:
        listening.seen, listening.delivered = [], []
        listening.closing, listening.daemon_threads = threading.Event(), True
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        listening.certificate = folder / "certificate.pem"
        yield listening
        listening.closing.set()
        listening.shutdown()
        thread.join()


def test_an_unknown_certificate_is_refused(secure_server):
    with pytest.raises(ImageError, match=r"cannot be fetched.*CERTIFICATE_VERIFY_FAILED"):
        fetch(f"https://localhost:{secure_server.server_port}/image.png")


def test_https_with_a_certificate_that_is_trusted(secure_server, monkeypatch):
    context = ssl.create_default_context(cafile=secure_server.certificate)
    monkeypatch.setattr(urls, "_tls_context", lambda: context)
    address = f"https://localhost:{secure_server.server_port}"
    assert fetch(f"{address}/redirect") == png()
    with pytest.raises(ImageError, match="did not arrive|timed out"):
        fetch(f"{address}/slow-body", max_seconds=0.5)
    assert secure_server.delivered == []
    with pytest.raises(ImageError, match="CERTIFICATE_VERIFY_FAILED"):  # the name is checked, not only the signature
        fetch(address.replace("localhost", "127.0.0.1") + "/image.png")


def test_plain_http_where_tls_is_expected(url):
    with pytest.raises(ImageError, match="cannot be fetched"):
        fetch(url("image.png").replace("http:", "https:"))


def test_a_data_url_needs_no_permission():
    assert read_bytes("data:image/png;base64," + base64.b64encode(png()).decode()) == png()
