"""How the processes of a run find each other: a port on node 0 that all of them reach."""

from __future__ import annotations

import os
import socket
import time
from typing import Final

from vlft.errors import VlftError

_INTERVAL_S: Final = 0.5
_ATTEMPT_S: Final = 5.0


def free_port() -> int:
    """A TCP port that nobody uses, and that the kernel gives to nobody else for a minute.

    A connection that its server has closed rests for 60 s (TIME_WAIT, tcp(7)). Meanwhile its port
    is passed over where any port would do, for another vlft or an outgoing connection; who names
    it and sets SO_REUSEADDR, as this and torch's store do, may listen on it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # before the client: who closes first keeps the port
        return port


def require_free(port: int) -> None:
    """Makes sure that node 0, this machine, can listen on a port.

    Raises:
        VlftError: If something listens there, or only root may.
    """
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:  # with SO_REUSEADDR, as torch's store does
        socket.create_server(("", port), family=family, dualstack_ipv6=both).close()
    except PermissionError:
        raise VlftError(
            f"port {port} is for root alone", "write `launch.master_port: 29500`"
        ) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise VlftError(
            f"port {port} can't be used on this machine: {reason}",
            f"another run may hold it; write another `launch.master_port`, say {free_port()}",
        ) from None


def await_master(address: str, port: int, seconds: float) -> None:
    """Waits until node 0 listens.

    Args:
        address: Its name or address.
        port: The port there.
        seconds: How long to try.

    Raises:
        VlftError: If the name is not known, or nobody has answered by then.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), timeout=_ATTEMPT_S).close()
        except socket.gaierror as error:
            raise VlftError(
                f"node 0 is not found: `{address}`: {(error.strerror or str(error)).lower()}",
                "write the address that this machine reaches it at: launch.master_addr",
            ) from None
        except OSError as error:
            if time.monotonic() >= deadline:
                raise VlftError(
                    f"node 0 has not answered at {address}:{port} within {seconds:g} s: "
                    f"{(error.strerror or str(error)).lower()}",
                    "start vlft on node 0 too, and see whether a firewall is between; "
                    "--master-timeout waits longer",
                ) from None
        else:
            return
        time.sleep(_INTERVAL_S)
