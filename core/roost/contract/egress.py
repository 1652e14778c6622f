"""Where agents may send requests: the names of `App(egress=[...])`, and never, unless one is written, into a network
that is not public: a cloud's metadata service hands out the deployment's own keys to whoever asks from inside."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from .errors import AgentError

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
ANY: Final = "*"
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
LINK: Final = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32")))
"""Where metadata services are: a name that leads there is never meant."""
HIDDEN: Final = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::/32")))
"""Services of a cloud for its own machines at addresses that are or look public."""
LOCAL: Final = re.compile(r"(.*\.)?(localhost|local|internal|localdomain)")
"""Names that lead to this machine or this network."""
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_NAME: Final = re.compile(r"(\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list. `port` None: any."""

    port: int | None
    name: str = ""
    network: Network | None = None


class Egress:
    """`names`: None: any public host. `private`: this machine's own network is the developer's, and open."""

    def __init__(self, names: Iterable[str] | None, *, private: bool) -> None:
        self._entries = None if names is None else tuple(entry(name) for name in names)
        self._private = private

    @property
    def open(self) -> bool:
        """Nothing is refused."""
        return self._private and self._entries is None

    def check(self, host: str, port: int) -> None:
        """Whether requests may go to a host by its name or spelling. AgentError `egress-refused`."""
        host = plain(host)
        address = literal(host)
        if self._entries is not None and not any(_matches(e, host, port, address) for e in self._entries):
            raise refused(host, port, "it is not in the app's list of egress")
        if address is not None:
            self.check_address(host, port, address)
        elif not self._private and LOCAL.fullmatch(host) and not self._named(host, port):
            raise refused(host, port, "the name is of a network that is not public")

    def check_address(self, host: str, port: int, address: Address) -> None:
        """Whether requests to `host` may go to the address that it has. AgentError `egress-refused`."""
        if self._private:
            return
        inner = unwrapped(address)
        if _public(inner) and _public(address):
            return
        for one in self._entries or ():
            if (
                one.port in (None, port)
                and one.network is not None
                and (inner in one.network or address in one.network)
            ):
                return
        if self._named(host, port) and not any(inner in network for network in LINK):
            return
        raise refused(host, port, f"{address} is not a public address")

    def _named(self, host: str, port: int) -> bool:
        """Whether the list has the very name."""
        return any(e.name == host and e.port in (None, port) for e in self._entries or ())


def entry(text: str) -> Entry:
    """A line of the list. ValueError: it is none."""
    rest, port = text.strip(), None
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d+)", rest)
    if found is not None:
        rest, port = found[1], int(found[2])
    rest = rest.removeprefix("[").removesuffix("]")
    try:
        return Entry(port, network=ipaddress.ip_network(rest, strict=False))
    except ValueError:
        pass
    if rest != ANY and (_NAME.fullmatch(rest) is None or literal(plain(rest)) is not None):
        raise ValueError(
            f"App(egress=[{text!r}]): a line is a host such as api.example.com, *.example.com, an address, a network "
            "such as 10.0.0.0/8, or * for any public host; :PORT may follow"
        )
    return Entry(port, name=plain(rest))


def plain(host: str) -> str:
    """A host as it is compared."""
    return host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")


def literal(host: str) -> Address | None:
    """The address that a host is a spelling of, as resolvers read it: 0x7f.1, 2130706433 and 017700000001 too; None: a
    name. AgentError: it looks like an address, and is none."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    try:
        numbers = [int(p, 16) if p.startswith("0x") else int(p, 8) if p.startswith("0") else int(p) for p in parts]
        *head, last = numbers
        if len(numbers) > 4 or any(n > 255 for n in head) or last >= 256 ** (4 - len(head)):
            raise ValueError
        return ipaddress.IPv4Address(sum(n << (24 - 8 * i) for i, n in enumerate(head)) + last)
    except ValueError:
        raise AgentError(f"{host[:200]!r} is no address and no name of a host", code="egress-refused") from None


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None:
            return address.teredo[1]
    return address


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address in NAT64 or address.ipv4_mapped is not None):
        return True  # what is inside decides
    return address.is_global and not address.is_multicast and not any(address in network for network in HIDDEN)


def _matches(e: Entry, host: str, port: int, address: Address | None) -> bool:
    if e.port not in (None, port):
        return False
    if e.network is not None:
        return address is not None and (address in e.network or unwrapped(address) in e.network)
    if e.name.startswith("*."):
        return address is None and host.endswith(e.name[1:])
    return e.name in (ANY, host)


def refused(host: str, port: int, why: str) -> AgentError:
    """The refusal, and what to write."""
    return AgentError(
        f"no request may go to {host[:200]}:{port}: {why}. If it is meant, write App(egress=[..., {host[:200]!r}])",
        code="egress-refused",
    )
