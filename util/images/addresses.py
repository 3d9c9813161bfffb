"""Which network addresses may be fetched from."""

from __future__ import annotations

import ipaddress
import socket
from typing import TypeAlias

from util.errors import ImageError

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketAddress: TypeAlias = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]
"""Family and address as ``socket.connect`` takes them."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet.

    False for loopback, private, link-local, shared, reserved and multicast addresses, also where one of them is
    wrapped in IPv6 (IPv4-mapped, 6to4, Teredo, NAT64).

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:127.0.0.1")
    (True, False, False)
    """
    parsed = ipaddress.ip_address(address)
    wrapped = _wrapped_ipv4(parsed)
    if wrapped is not None:
        return is_public(str(wrapped))
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _wrapped_ipv4(address: IPAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def resolve(host: str, port: int, *, allow_private: bool, name: str) -> list[SocketAddress]:
    """The addresses of a host that may be connected to.

    The caller connects to one of these and does not ask for the name again: a second answer could be another address.

    Args:
        host: name or IP address.
        port: TCP port.
        allow_private: also addresses of this machine and of private networks.
        name: what errors call the image.

    Raises:
        ImageError: if the host is unknown, or all its addresses are refused.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageError(name, f"the host {host!r} is not found ({error}): check the address") from error
    addresses: list[SocketAddress] = [(family, address) for family, _, _, _, address in answers]
    allowed = [answer for answer in addresses if allow_private or is_public(str(answer[1][0]))]
    if not allowed:
        raise ImageError(
            name,
            f"the host {host!r} is on a private network ({addresses[0][1][0]!s}): "
            "URLs are fetched from public addresses only, unless private networks are allowed",
        )
    return allowed
