"""Addresses in an order that text comparison has too: 32 hexadecimal digits, version 4 as ::ffff:a.b.c.d."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_MAPPED = 0xFFFF << 32


def key(text: str) -> str | None:
    """The key of an address; None when it is none."""
    try:
        return _key(ip_address(text)) if "%" not in text else None
    except ValueError:
        return None


def span(text: str) -> tuple[str, str] | None:
    """The keys of the first and last address of an address or CIDR block; None when it is neither."""
    if "%" in text:
        return None
    try:
        block: IPv4Network | IPv6Network = ip_network(text, strict=False)
    except ValueError:
        return None
    return _key(block[0]), _key(block[-1])


def address(text: str) -> str:
    """The address of a key, as a person writes it."""
    number = int(text, 16)
    return str(IPv4Address(number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else IPv6Address(number))


def _key(address: IPv4Address | IPv6Address) -> str:
    return f"{int(address) | (_MAPPED if isinstance(address, IPv4Address) else 0):032x}"
