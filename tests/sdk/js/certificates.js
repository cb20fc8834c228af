// Certificates through the official client; openssl plays the authority outside.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { all, certificates, done, newName, refused, run, secrets, soon } from "./clients.js";

const policy = {
  issuerName: "Self", subject: "CN=js.example", subjectAlternativeNames: { dnsNames: ["js.example"] },
  keyType: "EC", keyCurveName: "P-256", validityInMonths: 12, contentType: "application/x-pem-file",
};
const create = (name, what = policy, more = {}) => done(certificates.beginCreateCertificate(name, what, { ...soon, ...more }));

/// Runs `work` in a folder of its own with openssl at hand.
async function withOpenssl(work) {
  const folder = mkdtempSync(join(tmpdir(), "vedette-js-"));
  const openssl = (...words) => execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  try {
    await work({
      openssl, read: (file) => readFileSync(join(folder, file)), write: (file, bytes) => writeFileSync(join(folder, file), bytes),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const authority = (openssl, key, certificate, subject) =>
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", subject, "-days", "30");

await run({
  async selfSigned() {
    const name = newName();
    const made = await create(name);
    assert.equal(made.policy.issuerName, "Self");
    assert.equal(made.properties.x509Thumbprint.length, 20);
    const read = new X509Certificate(Buffer.from(made.cer));
    assert.equal(read.subject, "CN=js.example");
    assert.equal(read.subjectAltName, "DNS:js.example");
    assert.ok(read.verify(read.publicKey));
    // the twin that applications read: key and certificate in one secret
    const twin = await secrets.getSecret(name);
    assert.equal(twin.properties.contentType, "application/x-pem-file");
    assert.ok(read.checkPrivateKey(createPrivateKey(twin.value)));
    await refused(() => secrets.setSecret(name, "other"), 403);
    await refused(() => certificates.getCertificate(newName()), 404, "CertificateNotFound");
  },

  async versionsAndPolicy() {
    const name = newName();
    const first = await create(name, policy, { tags: { n: "1" } });
    const second = await create(name, policy, { tags: { n: "2" } });
    const versions = (await all(certificates.listPropertiesOfCertificateVersions(name))).map((v) => v.version);
    assert.deepEqual(new Set(versions), new Set([first.properties.version, second.properties.version]));
    assert.equal((await certificates.getCertificate(name)).properties.version, second.properties.version);
    const old = await certificates.getCertificateVersion(name, first.properties.version);
    assert.deepEqual(old.cer, first.cer);
    const changed = await certificates.updateCertificateProperties(name, second.properties.version, { enabled: false, tags: { a: "b" } });
    assert.equal(changed.properties.enabled, false);
    assert.deepEqual(changed.properties.tags, { a: "b" });
    await certificates.updateCertificatePolicy(name, {
      ...policy, validityInMonths: 24, lifetimeActions: [{ action: "AutoRenew", daysBeforeExpiry: 30 }],
    });
    const stored = await certificates.getCertificatePolicy(name); // 4.10.3 drops the answer of the update
    assert.equal(stored.validityInMonths, 24);
    assert.equal(stored.lifetimeActions[0].daysBeforeExpiry, 30);
    assert.equal(stored.subject, "CN=js.example");
    await refused(() => create(newName(), { ...policy, subject: "nothing like a name" }), 400, "BadParameter");
  },

  async life() {
    const name = newName();
    const made = await create(name);
    assert.ok((await all(certificates.listPropertiesOfCertificates())).some((c) => c.name === name));
    const backup = await certificates.backupCertificate(name);
    const gone = await done(certificates.beginDeleteCertificate(name, soon));
    assert.equal(gone.name, name);
    assert.ok(gone.recoveryId && gone.scheduledPurgeDate);
    await refused(() => certificates.getCertificate(name), 404, "CertificateNotFound");
    await refused(() => create(name), 409, "Conflict");
    assert.ok((await all(certificates.listDeletedCertificates())).some((c) => c.name === name));
    assert.equal((await certificates.getDeletedCertificate(name)).properties.version, made.properties.version);
    await done(certificates.beginRecoverDeletedCertificate(name, soon));
    assert.deepEqual((await certificates.getCertificate(name)).cer, made.cer);
    await done(certificates.beginDeleteCertificate(name, soon));
    await certificates.purgeDeletedCertificate(name);
    await refused(() => certificates.getDeletedCertificate(name), 404);
    const restored = await certificates.restoreCertificateBackup(backup);
    assert.deepEqual([restored.properties.version, restored.cer], [made.properties.version, made.cer]);
  },

  async operations() {
    const name = newName();
    const waiting = await certificates.beginCreateCertificate(name, { ...policy, issuerName: "Unknown" }, soon);
    const operation = await certificates.getCertificateOperation(name, soon);
    assert.equal(operation.getOperationState().certificateOperation.status, "inProgress");
    const without = await all(certificates.listPropertiesOfCertificates());
    const pending = await all(certificates.listPropertiesOfCertificates({ includePending: true }));
    assert.ok(pending.some((c) => c.name === name) && !without.some((c) => c.name === name));
    await waiting.cancelOperation();
    const cancelled = await certificates.getCertificateOperation(name, soon);
    assert.equal(cancelled.getOperationState().certificateOperation.cancellationRequested, true);
    assert.equal((await certificates.deleteCertificateOperation(name)).issuerName, "Unknown");
    await refused(() => certificates.getCertificateOperation(name, soon), 404);
  },

  async merge() {
    await withOpenssl(async ({ openssl, read, write }) => {
      const name = newName();
      await certificates.beginCreateCertificate(name, { ...policy, issuerName: "Unknown" }, soon);
      const waiting = (await certificates.getCertificateOperation(name, soon)).getOperationState();
      write("request.der", waiting.certificateOperation.csr);
      authority(openssl, "ca.key", "ca.pem", "/CN=outside");
      openssl("x509", "-req", "-inform", "DER", "-in", "request.der", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7",
        "-days", "20", "-outform", "DER", "-out", "made.der");
      await refused(() => certificates.mergeCertificate(name, [Buffer.from("rubbish")]), 400, "BadParameter");
      const merged = await certificates.mergeCertificate(name, [new Uint8Array(read("made.der"))]);
      assert.deepEqual(Buffer.from(merged.cer), read("made.der"));
      const state = (await certificates.getCertificateOperation(name, soon)).getOperationState();
      assert.equal(state.certificateOperation.status, "completed");
    });
  },

  async imports() {
    await withOpenssl(async ({ openssl, read }) => {
      authority(openssl, "k.pem", "c.pem", "/CN=imported.example");
      openssl("x509", "-in", "c.pem", "-outform", "DER", "-out", "c.der");
      for (const [password, made] of [["", "open.pfx"], ["s3cret", "locked.pfx"]]) {
        openssl("pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-out", made, "-passout", `pass:${password}`);
        const pfx = new Uint8Array(read(made));
        const imported = await certificates.importCertificate(newName(), pfx, password ? { password } : {});
        assert.deepEqual(Buffer.from(imported.cer), read("c.der"), made);
        assert.equal(imported.policy.issuerName, "Unknown");
        if (password) await refused(() => certificates.importCertificate(newName(), pfx, { password: "wrong" }), 400, "BadParameter");
      }
      const pem = Buffer.concat([read("k.pem"), read("c.pem")]);
      const wanted = { policy: { contentType: "application/x-pem-file", issuerName: "Unknown", subject: "CN=imported.example" } };
      const imported = await certificates.importCertificate(newName(), new Uint8Array(pem), wanted);
      assert.deepEqual(Buffer.from(imported.cer), read("c.der"));
      await refused(() => certificates.importCertificate(newName(), new Uint8Array(Buffer.from("no certificate"))), 400, "BadParameter");
    });
  },

  async issuersAndContacts() {
    const name = newName();
    const contacts = [{ email: "a@b.c", name: "A", phone: "1" }, { email: "d@e.f" }];
    assert.deepEqual((await certificates.setContacts(contacts)).map((c) => c.email), ["a@b.c", "d@e.f"]);
    assert.equal((await certificates.getContacts())[0].phone, "1");
    await certificates.deleteContacts(); // 4.10.3 looks for another member in the answer than the one on the wire
    await refused(() => certificates.getContacts(), 404);
    const administratorContacts = [{ firstName: "J", lastName: "D", email: "j@d.e", phone: "2" }];
    const made = await certificates.createIssuer(name, "Test", { accountId: "me", password: "canary", administratorContacts });
    assert.equal(made.provider, "Test");
    assert.ok(!JSON.stringify(made).includes("canary"));
    assert.equal((await certificates.getIssuer(name)).administratorContacts[0].email, "j@d.e");
    assert.equal((await certificates.updateIssuer(name, { accountId: "you" })).accountId, "you");
    assert.ok((await all(certificates.listPropertiesOfIssuers())).some((i) => i.id.endsWith(`/${name}`)));
    await certificates.deleteIssuer(name);
    await refused(() => certificates.getIssuer(name), 404);
  },
});
