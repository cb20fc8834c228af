// Secrets through the official client.
import assert from "node:assert/strict";
import { all, done, newName, refused, run, secrets, soon } from "./clients.js";

await run({
  async versions() {
    const name = newName();
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
  },

  async life() {
    const name = newName();
    const made = await secrets.setSecret(name, "one");
    const backup = await secrets.backupSecret(name);
    assert.equal((await done(secrets.beginDeleteSecret(name, soon))).name, name);
    await refused(() => secrets.getSecret(name), 404, "SecretNotFound");
    await refused(() => secrets.setSecret(name, "three"), 409, "Conflict");
    await done(secrets.beginRecoverDeletedSecret(name, soon));
    await done(secrets.beginDeleteSecret(name, soon));
    await secrets.purgeDeletedSecret(name);
    await refused(() => secrets.getDeletedSecret(name), 404);
    await secrets.restoreSecretBackup(backup);
    assert.equal((await secrets.getSecret(name, { version: made.properties.version })).value, "one");
  },
});
