"""The official Key Vault clients over a server of the tests."""

from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from azure.keyvault.secrets import SecretClient


def vault_url(server):
    """Plain localhost: `default.vault.localhost` does not resolve for Python everywhere."""
    return server.url


def secrets(server, url=None, credential=None, **more):
    return SecretClient(url or vault_url(server), credential or server.credential(), connection_verify=server.ca,
                        verify_challenge_resource=False, **more)


def keys(server, url=None, credential=None, **more):
    return KeyClient(url or vault_url(server), credential or server.credential(), connection_verify=server.ca,
                     verify_challenge_resource=False, **more)


def crypto(server, key):
    """Everything computed by the vault: a key given by its id is not known here."""
    return CryptographyClient(key.id, server.credential(), connection_verify=server.ca, verify_challenge_resource=False)


def vault_session(server):
    """A plain session with a token for the vault."""
    session = server.session(server.token("https://vault.azure.net"))
    return session
