// The official clients over the server of the environment, what steps have in common, and how they are run.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { ClientSecretCredential } from "@azure/identity";
import { CertificateClient } from "@azure/keyvault-certificates";
import { KeyClient } from "@azure/keyvault-keys";
import { SecretClient } from "@azure/keyvault-secrets";

const env = process.env;
export const credential = new ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET, {
  authorityHost: env.AZURE_AUTHORITY_HOST,
  disableInstanceDiscovery: true,
});
// plain localhost: `default.vault.localhost` does not resolve for Node everywhere
export const options = { disableChallengeResourceVerification: true };
export const secrets = new SecretClient(env.VEDETTE_URL, credential, options);
export const keys = new KeyClient(env.VEDETTE_URL, credential, options);
export const certificates = new CertificateClient(env.VEDETTE_URL, credential, options);
/// How pollers ask.
export const soon = { intervalInMs: 100 };

export function newName() {
  return `js-${randomUUID()}`;
}

export async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

export async function refused(work, status, code) {
  await assert.rejects(work, (error) => {
    assert.equal(error.statusCode, status, error.message);
    if (code) assert.equal(error.code, code, error.message);
    return true;
  });
}

/// Waits for a poller that `begin` gives.
export async function done(begin) {
  return (await begin).pollUntilDone();
}

/// Runs steps one after the other; one line each, fails by throwing.
export async function run(steps) {
  for (const [name, step] of Object.entries(steps)) {
    await step();
    console.log(`${name}: ok`);
  }
}
