"""What an address is: one judgement of hosts, ports and http URLs for every option and setting that takes one.

`urlsplit` takes nearly every text: it drops tabs, believes `https://a b` and `https://a..b`, and takes port 0. Such an
address is found out at the first request otherwise, which for an exporter is after its start.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from urllib.parse import SplitResult, urlsplit

_LONGEST_HOST, _LONGEST_LABEL = 253, 63  # RFC 1035
# Host names within a network have underscores too. What is no ASCII is an internationalised name.
_LABEL = re.compile(r"[a-z0-9_-]+", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE | re.ASCII)  # as a last label it makes an IPv4 address
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_NO_IPV6 = "has an IPv6 address that is none"
_ZONE = re.compile(r"(?!25[^0-9])[A-Za-z0-9._~-]+", re.ASCII)  # of a URL it is escaped: %25lo (RFC 6874)
_PUNYCODE = "xn--"
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def fault_of_host(host: str) -> str:
    """What is wrong with a host, in words that follow `it`; nothing where it can be one. IPv6 has no brackets here."""
    if ":" in host:
        return "" if _is_ipv6(host) else _NO_IPV6
    name = host.removesuffix(".")
    labels = name.split(".")
    faults = {
        "has no host": not name,
        f"has a host of more than {_LONGEST_HOST} characters": len(name) > _LONGEST_HOST,
        "has a host with an empty part: two dots together, or one at the begin": "" in labels,
    }
    if found := next((fault for fault, there in faults.items() if there), ""):
        return found
    if not all(map(_is_label, labels)):
        return "has a host with characters that no host has, or a part of more than 63"
    wrong = _NUMBER.fullmatch(labels[-1]) and not _is_ipv4(name)
    return "has an IPv4 address that is none" if wrong else ""


def fault_of_address(address: str) -> str:
    """What is wrong with a numeric address, in words that follow `it`; nothing where it is one. A name is none."""
    if ":" in address:
        return "" if _is_ipv6(address) else _NO_IPV6
    return "" if address.isascii() and " " not in address and _is_ipv4(address) else "has an IPv4 address that is none"


def fault_of_port(port: str, *, least: int = 1) -> str:
    """What is wrong with a port, in words that follow `it`; nothing where it is one."""
    return (
        "" if _PORT.fullmatch(port) and least <= int(port) <= 65_535 else f"has a port that is none of {least} to 65535"
    )


def fault_of_netloc(netloc: str) -> str:
    """What is wrong with host and port as they stand in a URL, without a user; nothing where they are right."""
    host, port = host_and_port(netloc)
    if netloc.startswith("["):
        rest = netloc.partition("]")[2]
        if ":" not in host or (rest and not rest.startswith(":")):
            return _NO_IPV6
        host = without_escape(host)
    return fault_of_host(host) or (fault_of_port(port) if port else "")  # an empty one is that of the scheme: RFC 3986


def fault_of_url(url: str, *, user: bool = False, query: bool = False) -> str:
    """What is wrong with an http or https URL, in words that follow `it`; nothing where it is right.

    They show nothing of it. `user` and `query`: it may have a user with a password, a query and a fragment.
    """
    if not url.isprintable() or " " in url or "\\" in url:
        return "has a space, a backslash or a character that cannot be seen"
    try:
        parts = urlsplit(url)
    except ValueError:
        return _NO_IPV6
    if parts.scheme not in {"http", "https"} or not url[len(parts.scheme) :].startswith("://"):
        return "is not an http or https URL"
    if not user and "@" in parts.netloc:
        return "is a URL with credentials in it"
    return fault_of_netloc(parts.netloc.rpartition("@")[2]) or _fault_of_rest(parts, url, query=query)


def host_and_port(netloc: str) -> tuple[str, str | None]:
    """Host, of an IPv6 address without brackets, and port as they stand in `host:port`; no port is None."""
    if netloc.startswith("["):
        host, _, rest = netloc[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else None
    host, colon, port = netloc.partition(":")
    return host, port if colon else None


def without_escape(host: str) -> str:
    """The host of a URL as the network takes it: before the zone of an IPv6 address stands `%25` there, here a `%`."""
    address, percent, zone = host.partition("%25")
    return f"{address}%{zone}" if percent and zone and ":" in address else host


def same_host(host: str) -> str:
    """A host as DNS and the network know it: one text for all spellings of it."""
    if ":" in host:
        address, percent, zone = host.partition("%")
        return f"{ipaddress.IPv6Address(address)}{percent}{zone}"
    name = host.removesuffix(".").lower()
    if name.isascii():
        return socket.inet_ntoa(socket.inet_aton(name)) if _NUMBER.fullmatch(name.rpartition(".")[2]) else name
    return name.encode("idna").decode().lower()


def _fault_of_rest(parts: SplitResult, url: str, *, query: bool) -> str:
    if not query and ("?" in url or "#" in url):
        return "has a query or a fragment"
    if "@" in parts.path and not query:
        return "has an @ after the host"
    if "//" in parts.path:
        return "has two slashes together in its path"
    if _ESCAPE.search(parts.path):
        return "has a % that escapes nothing"
    return ""


def _is_label(label: str) -> bool:
    if label.isascii():
        right = len(label) <= _LONGEST_LABEL and _LABEL.fullmatch(label) is not None
        return right and (not label.lower().startswith(_PUNYCODE) or _is_punycode(label[len(_PUNYCODE) :]))
    try:
        return bool(label.encode("idna")) and not re.search(r"[\x00-\x2c/:-@\[-^`{-\x7f]", label)
    except UnicodeError:
        return False


def _is_punycode(text: str) -> bool:
    """Whether a name stands for one that is not ASCII. Which characters may be in it is left to who gives names."""
    try:
        found = text.encode().decode("punycode")
    except ValueError:
        return False
    return not found.isascii() and not any(unicodedata.category(one) in {"Cc", "Cs"} for one in found)


def _is_ipv4(text: str) -> bool:
    """Four numbers. `1` and `127.1` are addresses to the system's resolver, and a slip of who typed them."""
    if text.count(".") != 3:
        return False
    try:
        socket.inet_aton(text)
    except OSError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    address, percent, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return not percent or _ZONE.fullmatch(zone) is not None
