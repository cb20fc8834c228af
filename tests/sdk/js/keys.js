// Keys and what they compute, through the official clients.
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { CryptographyClient } from "@azure/keyvault-keys";
import { all, credential, done, keys, newName, options, refused, run, soon } from "./clients.js";

const text = (bytes) => Buffer.from(bytes).toString("base64url");
// by id: everything at the vault
const remote = (key) => new CryptographyClient(key.id, credential, options);

await run({
  async life() {
    const name = newName();
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
    await done(keys.beginDeleteKey(name, soon));
    await refused(() => keys.getKey(name), 404, "KeyNotFound");
    await done(keys.beginRecoverDeletedKey(name, soon));
    await done(keys.beginDeleteKey(name, soon));
    await keys.purgeDeletedKey(name);
    await keys.restoreKeyBackup(backup);
    assert.equal((await keys.getRandomBytes(16)).length, 16);
  },

  async rsa() {
    const rsa = await keys.createRsaKey(newName(), { keySize: 2048 });
    const client = remote(rsa);
    const signed = await client.sign("PS256", createHash("sha256").update("message").digest());
    const key = createPublicKey({ key: { kty: "RSA", n: text(rsa.key.n), e: text(rsa.key.e) }, format: "jwk" });
    assert.ok(verify("sha256", Buffer.from("message"), { key, padding: 6, saltLength: 32 }, signed.result));
    for (const algorithm of ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"]) {
      const sealed = await client.encrypt({ algorithm, plaintext: Buffer.from("plain") });
      const opened = await client.decrypt({ algorithm, ciphertext: sealed.result });
      assert.equal(Buffer.from(opened.result).toString(), "plain");
      const wrapped = await client.wrapKey(algorithm, Buffer.alloc(32, 7));
      assert.deepEqual(Buffer.from((await client.unwrapKey(algorithm, wrapped.result)).result), Buffer.alloc(32, 7));
    }
  },

  async curves() {
    for (const [curve, algorithm, hash] of [["P-256", "ES256", "sha256"], ["P-384", "ES384", "sha384"], ["P-521", "ES512", "sha512"]]) {
      const ec = await keys.createEcKey(newName(), { curve });
      const signature = await remote(ec).sign(algorithm, createHash(hash).update("message").digest());
      const point = createPublicKey({ key: { kty: "EC", crv: curve, x: text(ec.key.x), y: text(ec.key.y) }, format: "jwk" });
      assert.ok(verify(hash, Buffer.from("message"), { key: point, dsaEncoding: "ieee-p1363" }, signature.result), curve);
    }
  },

  async symmetric() {
    const client = remote(await keys.createKey(newName(), "oct-HSM", { keySize: 256 }));
    const sealed = await client.encrypt({ algorithm: "A256GCM", plaintext: Buffer.from("plain"), additionalAuthenticatedData: Buffer.from("aad") });
    const opened = await client.decrypt({
      algorithm: "A256GCM", ciphertext: sealed.result, iv: sealed.iv, authenticationTag: sealed.authenticationTag,
      additionalAuthenticatedData: sealed.additionalAuthenticatedData ?? Buffer.from("aad"),
    });
    assert.equal(Buffer.from(opened.result).toString(), "plain");
  },
});
