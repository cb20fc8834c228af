"""Names below `localhost` lead to this machine (RFC 6761), as they do where systemd resolves names."""

import socket

_resolve = socket.getaddrinfo


def getaddrinfo(host, *more, **named):
    name = host.decode() if isinstance(host, bytes) else host
    return _resolve("127.0.0.1" if name and name.endswith(".localhost") else host, *more, **named)


socket.getaddrinfo = getaddrinfo
