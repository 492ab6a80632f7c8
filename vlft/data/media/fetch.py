"""Pictures from the web, without letting a data file reach into the local network."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin, urlsplit

from vlft.data.media import problems

if TYPE_CHECKING:
    from vlft.data.media.problems import MediaProblem

SECONDS = 20.0
MAX_BYTES = 64 * 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_BLOCK = 1 << 16
_OK = 200
# Networks that carry an IPv4 address inside: NAT64 and 6to4 (RFC 6052, RFC 3056).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"


class _RefusedError(Exception):
    """Why a URL is not fetched, in words for the user."""


def fetch(
    url: str,
    *,
    allow_private: bool = False,
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> bytes | MediaProblem:
    """Downloads a URL.

    The host is resolved once, every address that it has is checked, and the connection goes
    to a checked address, so that a second answer of the name server changes nothing. Each
    redirect is checked in the same way. Proxies of the environment are not used.

    Args:
        url: http or https.
        allow_private: Whether addresses that are not public may be asked.
        seconds: Limit of the whole download.
        max_bytes: Limit of its size.
    """
    deadline = time.monotonic() + seconds
    place = url
    try:
        for _ in range(_MAX_REDIRECTS + 1):
            answer = _ask(place, deadline, max_bytes, allow_private=allow_private)
            if isinstance(answer, bytes):
                return answer
            place = urljoin(place, answer)
    except _RefusedError as refused:
        return problems.fetch_failed(url, str(refused))
    except TimeoutError:
        return problems.fetch_failed(url, f"no answer within {seconds:g} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return problems.fetch_failed(url, f"{error}" or type(error).__name__)
    return problems.fetch_failed(url, f"more than {_MAX_REDIRECTS} redirects")


def public(address: _Address) -> bool:
    """Whether an address, and any address wrapped in it, belongs to the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _ask(url: str, deadline: float, max_bytes: int, *, allow_private: bool) -> bytes | str:
    """The content, or the place that it is said to have moved to."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _RefusedError(f"only http and https are fetched, not {parts.scheme or 'no scheme'}")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    stream = _connect(parts.hostname, port, deadline, allow_private=allow_private)
    if secure:
        stream = ssl.create_default_context().wrap_socket(stream, server_hostname=parts.hostname)
    connection = http.client.HTTPConnection(parts.hostname, port)
    connection.sock = stream
    try:
        target = parts.path or "/"
        host = parts.netloc.rpartition("@")[2]
        target = f"{target}?{parts.query}" if parts.query else target
        headers = {"Host": host, "Accept": "image/*", "User-Agent": "vlft"}
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        moved = response.getheader("Location")
        if response.status in _REDIRECTS and moved:
            return moved
        if response.status != _OK:
            raise _RefusedError(f"the server says {response.status} {response.reason}")
        return _body(response, stream, deadline, max_bytes)
    finally:
        connection.close()


def _connect(host: str, port: int, deadline: float, *, allow_private: bool) -> socket.socket:
    """A connection to the first address that answers; all of them must be allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    places = [str(address[0]) for *_, address in found]
    for place in places:
        if not allow_private and not public(ipaddress.ip_address(place.partition("%")[0])):
            raise _RefusedError(f"{host} is the private address {place}")
    problem: OSError = OSError(f"{host} has no address")
    for place in places:
        try:
            return socket.create_connection((place, port), _left(deadline))
        except OSError as error:
            problem = error
    raise problem


def _body(
    response: http.client.HTTPResponse, stream: socket.socket, deadline: float, max_bytes: int
) -> bytes:
    blocks: list[bytes] = []
    size = 0
    while True:
        stream.settimeout(_left(deadline))
        block = response.read1(_BLOCK)
        if not block:
            break
        blocks.append(block)
        size += len(block)
        if size > max_bytes:
            raise _RefusedError(f"it is larger than {max_bytes} bytes")
    expected = response.getheader("Content-Length")
    if expected is not None and expected.isdecimal() and int(expected) > size:
        raise _RefusedError(f"the connection ended after {size} of {expected} bytes")
    return b"".join(blocks)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
