"""URLs: fetched only when asked for, and never from a private address unless allowed.

The only servers asked are on this machine.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from support.picture_files import encoded, noise

from vlft.data.media.fetch import fetch, public
from vlft.data.media.problems import MediaProblem, Picture
from vlft.data.media.resolve import MediaProbe

if TYPE_CHECKING:
    from pathlib import Path

JPEG = encoded(noise(40, 30), "JPEG")


class Handler(BaseHTTPRequestHandler):
    """A small web, with its traps."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        port = self.server.server_address[1]
        moves = {
            "/moved.jpg": "/a.jpg",
            "/round": "/round",
            "/inside": f"http://localhost:{port}/a.jpg",
            "/file": "file:///etc/hostname",
        }
        if self.path in moves:
            self.send_response(302)
            self.send_header("Location", moves[self.path])
            self.end_headers()
        elif self.path in {"/a.jpg?v=1", "/a.jpg"}:
            self._body(JPEG)
        elif self.path == "/words":
            self._body(b"<html>log in first</html>")
        elif self.path == "/short":
            self._body(JPEG, claimed=len(JPEG) + 9)
        elif self.path == "/large":
            self._body(bytes(3000))
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.01)
            except OSError:
                pass
        else:
            self.send_error(404)

    def _body(self, content: bytes, claimed: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(claimed or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a server on this machine."""
    Handler.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def why(found: bytes | MediaProblem) -> str:
    assert isinstance(found, MediaProblem)
    assert found.kind == "url"
    return found.message


def test_off_unless_asked_for(web: str, tmp_path: Path) -> None:
    found = MediaProbe(tmp_path, None).look(f"{web}/a.jpg")
    assert isinstance(found, MediaProblem)
    assert found.kind == "url"
    assert Handler.asked == []


def test_a_picture(web: str, tmp_path: Path) -> None:
    probe = MediaProbe(tmp_path, None, fetch=True, allow_private=True)
    for name in ("a.jpg", "a.jpg?v=1", "moved.jpg"):
        found = probe.look(f"{web}/{name}")
        assert isinstance(found, Picture), found
        assert (found.width, found.height) == (40, 30)
    words = probe.look(f"{web}/words")
    assert isinstance(words, MediaProblem)
    assert words.kind == "not_an_image"
    probe.look(f"{web}/a.jpg")
    assert Handler.asked.count("/a.jpg") == 2  # once by itself, once moved to


PRIVATE = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"]  # noqa: S104


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_not_asked(web: str, host: str) -> None:
    port = web.rpartition(":")[2]
    found = fetch(f"http://{host}:{port}/a.jpg")
    assert "private" in why(found) or "address" in why(found).lower() or "not known" in why(found)
    assert Handler.asked == []


def test_a_name_that_has_a_private_address_among_others_is_refused(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, 80))
        for place in ("93.184.216.34", "10.0.0.5")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    assert "10.0.0.5" in why(fetch("http://example.com/a.jpg"))


def test_the_connection_goes_to_the_address_that_was_checked(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that changes its answer after the check gains nothing: it is asked once."""
    asked = []
    port = int(web.rpartition(":")[2])

    def once(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        place = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: (
            once(host) if host == "pictures.example" else real(host, *rest, **more)
        ),
    )
    assert fetch(f"http://pictures.example:{port}/a.jpg", allow_private=True) == JPEG
    assert asked == ["pictures.example"]


def test_redirects_are_checked_too(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first hop passes as public; the second is private and is not asked."""
    checked: list[str] = []

    def lenient_once(address: object) -> bool:
        checked.append(str(address))
        return len(checked) == 1

    monkeypatch.setattr("vlft.data.media.fetch.public", lenient_once)
    assert "private" in why(fetch(f"{web}/inside"))
    assert Handler.asked == ["/inside"]


def test_limits(web: str) -> None:
    assert "larger than 2000 bytes" in why(
        fetch(f"{web}/large", allow_private=True, max_bytes=2000)
    )
    assert "within 0.3 s" in why(fetch(f"{web}/endless", allow_private=True, seconds=0.3))
    assert "redirects" in why(fetch(f"{web}/round", allow_private=True))


def test_failures_are_messages(web: str) -> None:
    assert "404" in why(fetch(f"{web}/gone", allow_private=True))
    assert "ended after" in why(fetch(f"{web}/short", allow_private=True))
    assert "only http" in why(fetch(f"{web}/file", allow_private=True))
    assert "only http" in why(fetch("httpd.jpg"))
    assert why(fetch("http://127.0.0.1:1/a.jpg", allow_private=True))
    assert why(fetch("http://[/a.jpg"))
    assert why(fetch("http://a:99999/x"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("2001:0:a00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert public(ipaddress.ip_address(address)) is expected
