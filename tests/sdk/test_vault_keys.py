"""Keys through azure-keyvault-keys: made, taken in, rotated, and every algorithm of the wire."""

import datetime
import hashlib
import uuid

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.keys import ApiVersion, JsonWebKey, KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from vault_clients import crypto, keys


def name():
    return f"k-{uuid.uuid4().hex[:12]}"


def test_life(server):
    client, n = keys(server), name()
    first = client.create_rsa_key(n, size=2048, tags={"a": "b"}, key_operations=["sign", "verify"])
    assert (first.key_type, first.key_operations, first.properties.tags) == ("RSA", ["sign", "verify"], {"a": "b"})
    assert len(first.key.n) == 256 and first.key.e == b"\x01\x00\x01"
    second = client.create_ec_key(n, curve="P-256")
    assert client.get_key(n).id == second.id and client.get_key(n, first.properties.version).key_type == "RSA"
    updated = client.update_key_properties(n, enabled=False, expires_on=datetime.datetime(2049, 1, 1, tzinfo=datetime.timezone.utc))
    assert not updated.properties.enabled
    assert {p.version for p in client.list_properties_of_key_versions(n)} == {first.properties.version, second.properties.version}
    assert n in {p.name for p in client.list_properties_of_keys()}
    backup = client.backup_key(n)
    deleted = client.begin_delete_key(n).result()
    assert deleted.name == n
    with pytest.raises(ResourceExistsError):
        client.create_ec_key(n)
    assert n in {d.name for d in client.list_deleted_keys()}
    client.begin_recover_deleted_key(n).wait()
    client.begin_delete_key(n).wait()
    client.purge_deleted_key(n)
    with pytest.raises(ResourceNotFoundError):
        client.get_deleted_key(n)
    assert client.restore_key_backup(backup).id == second.id


# the client offers one more, of 2016: before soft delete, and refused as Azure refuses what it no longer serves
@pytest.mark.parametrize("version", sorted(v.value for v in ApiVersion if v.value != "2016-10-01"))
def test_every_version_of_the_api(server, version):
    client, n = keys(server, api_version=version), name()
    client.create_ec_key(n)
    assert client.get_key(n).key_type == "EC"


RSA_SIGNATURES = {
    "RS256": (hashes.SHA256(), False), "RS384": (hashes.SHA384(), False), "RS512": (hashes.SHA512(), False),
    "PS256": (hashes.SHA256(), True), "PS384": (hashes.SHA384(), True), "PS512": (hashes.SHA512(), True),
}


@pytest.mark.parametrize("size", [2048, 3072, 4096])
def test_rsa(server, size):
    made = keys(server).create_rsa_key(name(), size=size, hardware_protected=size == 3072)
    assert made.key_type == ("RSA-HSM" if size == 3072 else "RSA")
    client = crypto(server, made)
    public = rsa.RSAPublicNumbers(int.from_bytes(made.key.e, "big"), int.from_bytes(made.key.n, "big")).public_key()
    for algorithm, (digest, pss) in RSA_SIGNATURES.items():
        value = hashlib.new(digest.name, b"message").digest()
        signed = client.sign(SignatureAlgorithm(algorithm), value)
        pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()
        public.verify(signed.signature, b"message", pad, digest)  # by another library
        remote = server_verify(server, made, algorithm, value, signed.signature)
        assert remote is True
        assert server_verify(server, made, algorithm, value, bytes(len(signed.signature))) is False
    for algorithm, pad in [("RSA-OAEP", padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),
                           ("RSA-OAEP-256", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)),
                           ("RSA1_5", padding.PKCS1v15())]:
        assert client.decrypt(EncryptionAlgorithm(algorithm), public.encrypt(b"plain", pad)).plaintext == b"plain"
        wrapped = client.wrap_key(KeyWrapAlgorithm(algorithm), b"k" * 32).encrypted_key
        assert client.unwrap_key(KeyWrapAlgorithm(algorithm), wrapped).key == b"k" * 32
    told = set()
    for text in [bytes(size // 8), b"\xff" * (size // 8), b"\x01" * (size // 8 - 1)]:
        with pytest.raises(HttpResponseError) as refused:
            client.decrypt(EncryptionAlgorithm.rsa_oaep, text)
        told.add((refused.value.status_code, refused.value.message))
    assert len(told) == 1, told


def server_verify(server, key, algorithm, digest, signature):
    """By the vault itself: the client would verify with the public key at hand."""
    import base64
    from vault_clients import vault_session
    text = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")  # noqa: E731
    answer = vault_session(server).post(f"{key.id}/verify?api-version=7.4",
                                        json={"alg": algorithm, "digest": text(digest), "value": text(signature)})
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


@pytest.mark.parametrize("curve,algorithm,digest,known", [
    ("P-256", "ES256", hashes.SHA256(), ec.SECP256R1()), ("P-384", "ES384", hashes.SHA384(), ec.SECP384R1()),
    ("P-521", "ES512", hashes.SHA512(), ec.SECP521R1()), ("P-256K", "ES256K", hashes.SHA256(), ec.SECP256K1()),
])
def test_ec(server, curve, algorithm, digest, known):
    made = keys(server).create_ec_key(name(), curve=curve)
    size = (known.key_size + 7) // 8
    assert (made.key.crv, len(made.key.x), len(made.key.y)) == (curve, size, size)
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(made.key.x, "big"), int.from_bytes(made.key.y, "big"), known)
    value = hashlib.new(digest.name, b"message").digest()
    signed = crypto(server, made).sign(SignatureAlgorithm(algorithm), value)
    assert len(signed.signature) == 2 * size
    r, s = (int.from_bytes(signed.signature[i * size:(i + 1) * size], "big") for i in range(2))
    point.public_key().verify(utils.encode_dss_signature(r, s), b"message", ec.ECDSA(digest))
    assert server_verify(server, made, algorithm, value, signed.signature) is True
    with pytest.raises(HttpResponseError) as refused:
        crypto(server, made).sign(SignatureAlgorithm(algorithm), value[:-1])
    assert refused.value.status_code == 400


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_oct(server, bits):
    made = keys(server).create_oct_key(name(), size=bits, hardware_protected=True)
    assert made.key_type == "oct-HSM" and made.key.k is None
    client = crypto(server, made)
    sealed = client.encrypt(EncryptionAlgorithm(f"A{bits}GCM"), b"plain", additional_authenticated_data=b"aad")
    opened = client.decrypt(EncryptionAlgorithm(f"A{bits}GCM"), sealed.ciphertext, iv=sealed.iv,
                            authentication_tag=sealed.tag, additional_authenticated_data=b"aad")
    assert opened.plaintext == b"plain"
    for algorithm, plain in [(f"A{bits}CBC", b"x" * 32), (f"A{bits}CBCPAD", b"any length")]:
        sealed = client.encrypt(EncryptionAlgorithm(algorithm), plain, iv=b"i" * 16)
        assert client.decrypt(EncryptionAlgorithm(algorithm), sealed.ciphertext, iv=sealed.iv).plaintext == plain
    wrapped = client.wrap_key(KeyWrapAlgorithm(f"A{bits}KW"), b"k" * 32).encrypted_key
    assert len(wrapped) == 40 and client.unwrap_key(KeyWrapAlgorithm(f"A{bits}KW"), wrapped).key == b"k" * 32


def test_import(server):
    client = keys(server)
    private = rsa.generate_private_key(65537, 2048)
    n = private.private_numbers()
    number = lambda i: i.to_bytes((i.bit_length() + 7) // 8, "big")  # noqa: E731
    jwk = JsonWebKey(kty="RSA", key_ops=["sign", "verify", "decrypt"], n=b"\x00" + number(n.public_numbers.n), e=number(n.public_numbers.e),
                     d=number(n.d), p=number(n.p), q=number(n.q), dp=number(n.dmp1), dq=number(n.dmq1), qi=number(n.iqmp))
    made = client.import_key(name(), jwk)
    assert made.key.n == number(n.public_numbers.n), "no leading zero comes back"
    text = private.public_key().encrypt(b"plain", padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    assert crypto(server, made).decrypt(EncryptionAlgorithm.rsa_oaep, text).plaintext == b"plain"
    curve = ec.generate_private_key(ec.SECP521R1())
    p, size = curve.private_numbers(), 66
    jwk = JsonWebKey(kty="EC", crv="P-521", key_ops=["sign"], x=p.public_numbers.x.to_bytes(size, "big"),
                     y=p.public_numbers.y.to_bytes(size, "big"), d=p.private_value.to_bytes(size, "big"))
    made = client.import_key(name(), jwk)
    signed = crypto(server, made).sign(SignatureAlgorithm.es512, hashlib.sha512(b"m").digest()).signature
    r, s = int.from_bytes(signed[:66], "big"), int.from_bytes(signed[66:], "big")
    curve.public_key().verify(utils.encode_dss_signature(r, s), b"m", ec.ECDSA(hashes.SHA512()))
    jwk.d = b"\x01" * 66
    with pytest.raises(HttpResponseError) as refused:
        client.import_key(name(), jwk)
    assert refused.value.status_code == 400


def test_rotation(server):
    client, n = keys(server), name()
    first = client.create_rsa_key(n, size=2048)
    assert client.get_key_rotation_policy(n).lifetime_actions[0].action == KeyRotationPolicyAction.notify
    action = KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P30D")
    updated = client.update_key_rotation_policy(n, KeyRotationPolicy(), lifetime_actions=[action], expires_in="P90D")
    assert (updated.expires_in, updated.lifetime_actions[0].time_after_create) == ("P90D", "P30D")
    updated = client.update_key_rotation_policy(n, KeyRotationPolicy(), lifetime_actions=[action], expires_in="P1Y10D")
    assert updated.expires_in == "P1Y10D", "the docstring's example"
    client.update_key_rotation_policy(n, KeyRotationPolicy(), lifetime_actions=[action], expires_in="P90D")
    rotated = client.rotate_key(n)
    assert rotated.id != first.id and rotated.properties.expires_on - rotated.properties.created_on == datetime.timedelta(days=90)


def test_rules(server):
    client = keys(server)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    made = client.create_ec_key(name(), expires_on=past)
    session_digest = hashlib.sha256(b"m").digest()
    with pytest.raises((HttpResponseError, ValueError)):
        crypto(server, made).sign(SignatureAlgorithm.es256, session_digest)
    made = client.create_rsa_key(name(), size=2048, key_operations=["verify"])
    from vault_clients import vault_session
    answer = vault_session(server).post(f"{made.id}/sign?api-version=7.4", json={"alg": "RS256", "value": "A" * 43})
    assert (answer.status_code, answer.json()["error"]["innererror"]["code"]) == (403, "KeyOperationForbidden")
    assert len(client.get_random_bytes(32)) == 32
    with pytest.raises(HttpResponseError) as refused:
        client.release_key(made.name, "target")
    assert refused.value.status_code == 400 and "release" in refused.value.message
