"""A plugin for the test suites of Azure's SDK: names of vaults lead here, nobody waits for Azure's minutes, and what only
Azure has is skipped with the reason."""

import asyncio
import re
import socket
import time

import pytest
from devtools_testutils import test_proxy as test_proxy  # some suites expect it of their repository

# tests, and why they cannot pass
NOT_HERE = [
    ("test_(key_release|imported_key_release|update_release_policy|immutable_release_policy)", "key release is refused by name"),
    ("test_get_key_attestation", "there is no hardware to attest"),
    ("test_rsa_public_exponent", "a Managed HSM's: exponents other than 65537 are refused"),
    ("platform_managed", "certificates that Azure's own platform manages"),
    ("test_merge_certificate", "strips letters of the certificate's base64 with its last line, now and then"),
]

look_up, sleep, sleep_async = socket.getaddrinfo, time.sleep, asyncio.sleep


def look_up_here(host, *arguments, **more):
    name = host.decode() if isinstance(host, bytes) else host
    return look_up("127.0.0.1" if str(name).endswith(".localhost") else host, *arguments, **more)


def shorter(seconds):
    """A second parts two times that the tests compare; all beyond waits for Azure."""
    return seconds if seconds <= 1 else 0.05


def pytest_configure():
    socket.getaddrinfo = look_up_here
    time.sleep = lambda seconds: sleep(shorter(seconds))
    asyncio.sleep = lambda seconds, *result: sleep_async(shorter(seconds), *result)


def pytest_collection_modifyitems(items):
    for item in items:
        for pattern, reason in NOT_HERE:
            if re.search(pattern, item.nodeid):
                item.add_marker(pytest.mark.skip(reason=reason))
