"""The official Key Vault clients over a server of the tests."""

from functools import partial

from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from azure.keyvault.secrets import SecretClient


def vault_url(server):
    """Plain localhost: `default.vault.localhost` does not resolve for Python everywhere."""
    return server.url


def client(kind, server, url=None, credential=None, **more):
    return kind(url or vault_url(server), credential or server.credential(), connection_verify=server.ca,
                verify_challenge_resource=False, **more)


secrets = partial(client, SecretClient)
keys = partial(client, KeyClient)
certificates = partial(client, CertificateClient)


def crypto(server, key):
    """Everything computed by the vault: a key given by its id is not known here."""
    return CryptographyClient(key.id, server.credential(), connection_verify=server.ca, verify_challenge_resource=False)


def vault_session(server):
    """A plain session with a token for the vault."""
    return server.session(server.token("https://vault.azure.net"))
