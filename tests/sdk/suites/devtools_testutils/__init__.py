"""What the test suites of Azure's SDK for Python ask of their own repository's tools, for runs against a live server: names
for resources, a credential, and no recording."""

import functools
import os
import random
import string

import pytest


class _Always:
    """Some suites ask `is_live`, others `is_live()`."""

    def __init__(self, value):
        self.value = value

    def __bool__(self):
        return self.value

    def __call__(self):
        return self.value


is_live = is_live_and_not_recording = _Always(True)


def __getattr__(name):
    if name.startswith(("add_", "set_", "remove_")):  # about recordings
        return lambda *_, **__: None
    raise AttributeError(name)


@pytest.fixture(scope="session")
def test_proxy():
    """The recording proxy: there is none."""


def recorded_by_proxy(test):
    return test


class AzureRecordedTestCase:
    is_live, is_playback, in_recording = _Always(True), _Always(False), False

    def get_resource_name(self, name):
        """The same for the same name within a test."""
        names = self.__dict__.setdefault("_names", {})
        ending = "".join(random.choices(string.hexdigits.lower(), k=10))
        return names.setdefault(name, name[:80].replace("_", "-") + ending)

    get_replayable_random_resource_name = get_resource_name

    def create_random_name(self, name):
        return name + "".join(random.choices(string.hexdigits.lower(), k=8))

    def get_credential(self, _client=None, is_async=False, **_):
        from azure import identity
        if is_async:
            from azure.identity import aio as identity
        tenant, client, secret = (os.environ[f"KEYVAULT_{n}"] for n in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"))
        return identity.ClientSecretCredential(tenant, client, secret, authority=os.environ["VEDETTE_URL"],
                                               disable_instance_discovery=True, additionally_allowed_tenants=["*"])

    def create_client_from_credential(self, client, credential, **more):
        return client(credential=credential, **{"logging_enable": True, **more})

    @staticmethod
    def await_prepared_test(test):
        @functools.wraps(test)
        def run(*arguments, **more):
            import asyncio
            return asyncio.run(test(*arguments, **more))
        return run


class PowerShellPreparer:
    """Hands the settings of the environment to a test."""

    def __init__(self, _service, **settings):
        self.settings = settings

    def __call__(self, test):
        def run(case, **_):
            return test(case, **{name: os.environ.get(name.upper(), value) for name, value in self.settings.items()})
        return run
