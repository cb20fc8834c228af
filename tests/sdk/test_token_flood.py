"""Thousands of forged tokens, each of them new: they are refused, others are served meanwhile, and nothing piles up."""

import base64
import pathlib
import re
import socket
import ssl
import threading
import uuid

import pytest

FLOODS = 4  # connections at once
BATCH = 100  # requests that are sent before an answer is read
BATCHES = 60  # of each connection: 24,000 tokens in all
GROWTH_MAX_MB = 96


def memory_mb(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) // 1024


class Flood(threading.Thread):
    """Sends forged tokens over one connection; counts the answers by status."""

    def __init__(self, server, path, signed, batches):
        super().__init__()
        self.server, self.path, self.signed, self.batches = server, path, signed, batches
        self.statuses, self.failure = {}, None

    def request(self):
        # the token of somebody who may, with another signature: as dear to look at as a good one
        signature = base64.urlsafe_b64encode(uuid.uuid4().bytes * 16).decode().rstrip("=")
        return (f"GET {self.path} HTTP/1.1\r\nhost: localhost:{self.server.port}\r\n"
                f"authorization: Bearer {self.signed}.{signature}\r\n\r\n").encode()

    def run(self):
        try:
            context = ssl.create_default_context(cafile=self.server.ca)
            plain = socket.create_connection(("127.0.0.1", self.server.port), 60)
            with context.wrap_socket(plain, server_hostname="localhost") as stream:
                for _ in range(self.batches):
                    stream.sendall(b"".join(self.request() for _ in range(BATCH)))
                    self.read(stream)
        except OSError as error:
            self.failure = error

    def read(self, stream):
        text, seen = b"", 0
        while seen < BATCH:
            chunk = stream.recv(1 << 16)
            if not chunk:
                raise ConnectionError(f"closed after {seen} answers of a batch")
            text += chunk
            end = 0
            for line in re.finditer(rb"HTTP/1\.1 (\d{3}) ", text):
                self.statuses[int(line[1])] = self.statuses.get(int(line[1]), 0) + 1
                seen, end = seen + 1, line.end()
            text = text[max(end, len(text) - 16):]


def flood(server, path, token, batches):
    signed = token.rsplit(".", 1)[0]
    floods = [Flood(server, path, signed, batches) for _ in range(FLOODS)]
    for one in floods:
        one.start()
    return floods


@pytest.mark.parametrize("path, resource", [
    ("/secrets/canary?api-version=7.4", "https://vault.azure.net"),  # where each refusal is a row, too
    ("/subscriptions?api-version=2022-12-01", None),
])
def test_forged_tokens(own_server, path, resource):
    server = own_server.start()
    token = server.token(resource)
    session = server.session(token)
    if resource:
        assert session.put(server.url + path, json={"value": "v"}).status_code == 200
    for one in flood(server, path, token, 10):  # buffers and caches find their size
        one.join()
    before = memory_mb(server)
    floods = flood(server, path, token, BATCHES)
    served = 0
    while any(one.is_alive() for one in floods):
        answer = session.get(server.url + path, timeout=60)
        assert answer.status_code == 200, answer.text
        served += 1
    assert served > 0
    assert [one.failure for one in floods] == [None] * FLOODS
    assert [one.statuses for one in floods] == [{401: BATCH * BATCHES}] * FLOODS
    grown = memory_mb(server) - before
    assert grown < GROWTH_MAX_MB, f"{grown} MB more after {FLOODS * BATCH * BATCHES} forged tokens"
    assert session.get(server.url + path, timeout=60).status_code == 200
