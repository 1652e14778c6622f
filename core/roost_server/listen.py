"""Where a server listens: a TCP port, a Unix socket, or a socket that a parent process handed over."""

from __future__ import annotations

import ipaddress
import socket as sockets
from dataclasses import dataclass
from pathlib import Path

from roost.contract.errors import Rejected


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: TCP on `host` and `port` (0: any free one), or a Unix socket at `uds`."""

    host: str = "127.0.0.1"
    port: int = 8787
    uds: Path | None = None
    fd: int | None = None
    """A socket that listens already, handed over by a parent process."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it by TCP. Then only the name of a host tells its pages from others'."""
        return self.uds is None and is_loopback(self.host)

    def bind(self) -> sockets.socket:
        """The bound socket. Rejected names who else listens there."""
        if self.fd is not None:
            return sockets.socket(fileno=self.fd)
        try:
            if self.uds is not None:
                return self._bind_unix(self.uds)
            family = sockets.AF_INET6 if ":" in self.host else sockets.AF_INET
            return sockets.create_server((self.host, self.port), family=family, backlog=2048)
        except OSError as error:
            where = self.uds or f"{self.host}:{self.port}"
            raise Rejected(f"can't listen on {where}: {error.strerror}; choose another with --port or --uds") from error

    def url(self, sock: sockets.socket, *, secure: bool = False) -> str:
        """Where a client finds `sock`: a URL with the real port, or `unix:PATH`."""
        if self.uds is not None:
            return f"unix:{self.uds}"
        host, port = sock.getsockname()[:2]
        scheme = "https" if secure else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @staticmethod
    def _bind_unix(path: Path) -> sockets.socket:
        if path.is_socket():
            probe = sockets.socket(sockets.AF_UNIX)
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink()  # a socket file nobody listens on any more
            finally:
                probe.close()
        sock = sockets.socket(sockets.AF_UNIX)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(2048)
        return sock
