// Secrets and keys through the official JavaScript clients; prints one line a step, fails by throwing.
import assert from "node:assert/strict";
import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import { ClientSecretCredential } from "@azure/identity";
import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";
import { SecretClient } from "@azure/keyvault-secrets";

const env = process.env;
const credential = new ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET, {
  authorityHost: env.AZURE_AUTHORITY_HOST,
  disableInstanceDiscovery: true,
});
// plain localhost: `default.vault.localhost` does not resolve for Node everywhere
const options = { disableChallengeResourceVerification: true };
const secrets = new SecretClient(env.VEDETTE_URL, credential, options);
const keys = new KeyClient(env.VEDETTE_URL, credential, options);

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

async function refused(work, status, code) {
  await assert.rejects(work, (error) => {
    assert.equal(error.statusCode, status, error.message);
    if (code) assert.equal(error.code, code, error.message);
    return true;
  });
}

const steps = {
  async secrets() {
    const name = `js-${randomUUID()}`;
    const far = new Date("2050-01-02T00:00:00Z"); // goes over the wire as a negative number
    const made = await secrets.setSecret(name, "one", { expiresOn: far, tags: { a: "b" }, contentType: "text/plain" });
    assert.equal(made.properties.expiresOn.getTime(), far.getTime());
    const second = await secrets.setSecret(name, "two");
    assert.equal((await secrets.getSecret(name)).value, "two");
    assert.equal((await secrets.getSecret(name, { version: made.properties.version })).value, "one");
    await secrets.updateSecretProperties(name, second.properties.version, { enabled: false });
    await refused(() => secrets.getSecret(name), 403);
    assert.equal((await all(secrets.listPropertiesOfSecretVersions(name))).length, 2);
    assert.ok((await all(secrets.listPropertiesOfSecrets())).some((s) => s.name === name));
    const backup = await secrets.backupSecret(name);
    const poller = await secrets.beginDeleteSecret(name, { intervalInMs: 100 });
    assert.equal((await poller.pollUntilDone()).name, name);
    await refused(() => secrets.getSecret(name), 404, "SecretNotFound");
    await refused(() => secrets.setSecret(name, "three"), 409, "Conflict");
    const recover = await secrets.beginRecoverDeletedSecret(name, { intervalInMs: 100 });
    await recover.pollUntilDone();
    await (await secrets.beginDeleteSecret(name, { intervalInMs: 100 })).pollUntilDone();
    await secrets.purgeDeletedSecret(name);
    await refused(() => secrets.getDeletedSecret(name), 404);
    await secrets.restoreSecretBackup(backup);
    assert.equal((await secrets.getSecret(name, { version: made.properties.version })).value, "one");
  },

  async keys() {
    const name = `js-${randomUUID()}`;
    const made = await keys.createRsaKey(name, { keySize: 2048, tags: { a: "b" } });
    assert.equal(made.keyType, "RSA");
    const rotated = await keys.rotateKey(name);
    assert.notEqual(rotated.id, made.id);
    const policy = await keys.updateKeyRotationPolicy(name, {
      expiresIn: "P90D", lifetimeActions: [{ action: "Rotate", timeAfterCreate: "P30D" }],
    });
    assert.equal(policy.expiresIn, "P90D");
    assert.equal((await all(keys.listPropertiesOfKeyVersions(name))).length, 2);
    await keys.updateKeyProperties(name, rotated.properties.version, { enabled: false });
    const backup = await keys.backupKey(name);
    await (await keys.beginDeleteKey(name, { intervalInMs: 100 })).pollUntilDone();
    await refused(() => keys.getKey(name), 404, "KeyNotFound");
    await (await keys.beginRecoverDeletedKey(name, { intervalInMs: 100 })).pollUntilDone();
    await (await keys.beginDeleteKey(name, { intervalInMs: 100 })).pollUntilDone();
    await keys.purgeDeletedKey(name);
    await keys.restoreKeyBackup(backup);
    assert.equal((await keys.getRandomBytes(16)).length, 16);
  },

  async cryptography() {
    const digest = createHash("sha256").update("message").digest();
    const rsa = await keys.createRsaKey(`js-${randomUUID()}`, { keySize: 2048 });
    const remote = new CryptographyClient(rsa.id, credential, options); // by id: everything at the vault
    const signed = await remote.sign("PS256", digest);
    const text = (bytes) => Buffer.from(bytes).toString("base64url");
    const jwk = { kty: "RSA", n: text(rsa.key.n), e: text(rsa.key.e) };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    assert.ok(verify("sha256", Buffer.from("message"), { key, padding: 6, saltLength: 32 }, signed.result));
    for (const algorithm of ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"]) {
      const sealed = await remote.encrypt({ algorithm, plaintext: Buffer.from("plain") });
      const opened = await remote.decrypt({ algorithm, ciphertext: sealed.result });
      assert.equal(Buffer.from(opened.result).toString(), "plain");
      const wrapped = await remote.wrapKey(algorithm, Buffer.alloc(32, 7));
      assert.deepEqual(Buffer.from((await remote.unwrapKey(algorithm, wrapped.result)).result), Buffer.alloc(32, 7));
    }
    for (const [curve, algorithm, hash] of [["P-256", "ES256", "sha256"], ["P-384", "ES384", "sha384"], ["P-521", "ES512", "sha512"]]) {
      const ec = await keys.createEcKey(`js-${randomUUID()}`, { curve });
      const client = new CryptographyClient(ec.id, credential, options);
      const value = createHash(hash).update("message").digest();
      const signature = await client.sign(algorithm, value);
      const point = createPublicKey({ key: { kty: "EC", crv: curve, x: text(ec.key.x), y: text(ec.key.y) }, format: "jwk" });
      assert.ok(verify(hash, Buffer.from("message"), { key: point, dsaEncoding: "ieee-p1363" }, signature.result), curve);
    }
    const oct = await keys.createKey(`js-${randomUUID()}`, "oct-HSM", { keySize: 256 });
    const client = new CryptographyClient(oct.id, credential, options);
    const sealed = await client.encrypt({ algorithm: "A256GCM", plaintext: Buffer.from("plain"), additionalAuthenticatedData: Buffer.from("aad") });
    const opened = await client.decrypt({
      algorithm: "A256GCM", ciphertext: sealed.result, iv: sealed.iv, authenticationTag: sealed.authenticationTag,
      additionalAuthenticatedData: sealed.additionalAuthenticatedData ?? Buffer.from("aad"),
    });
    assert.equal(Buffer.from(opened.result).toString(), "plain");
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(`${name}: ok`);
}
