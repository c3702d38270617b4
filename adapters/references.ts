/** Values that the configuration only refers to: `ssm:/name` (parameter) and `secret:name` (secret). */
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { Reference } from '../core/environment/configuration.ts';
import { Fault } from '../core/errors.ts';

/** A changed value counts after a minute at the latest. */
const LIFETIME_MS = 60_000;

let parameters: SSMClient | undefined;
let secrets: SecretsManagerClient | undefined;
const known = new Map<string, { value: Promise<string>; until: number }>();

/** The value behind a reference; never log it. A missing one is the fault UNAVAILABLE, as it may be put any time. */
export function resolveReference(reference: Reference): Promise<string> {
  const now = performance.now();
  const cached = known.get(reference);
  if (cached && cached.until > now) return cached.value;
  const value = read(reference);
  known.set(reference, { value, until: now + LIFETIME_MS });
  value.catch(() => known.delete(reference));
  return value;
}

/** Text that may be a reference or the value itself, such as the address of a gate. */
export function resolveText(text: string): Promise<string> {
  return text.startsWith('ssm:') || text.startsWith('secret:') ? resolveReference(text) : Promise.resolve(text);
}

async function read(reference: Reference): Promise<string> {
  try {
    const value = reference.startsWith('ssm:')
      ? await readParameter(reference.slice('ssm:'.length))
      : await readSecret(reference.slice('secret:'.length));
    if (value) return value;
  } catch (error) {
    const reason = error instanceof Error ? error.name : 'unknown error';
    throw new Fault('UNAVAILABLE', `${reference} cannot be read (${reason})`, { cause: error, hint: `put a value at ${reference}` });
  }
  throw new Fault('UNAVAILABLE', `${reference} is empty`, { hint: `put a value at ${reference}` });
}

/** The clients are loaded when a reference is first met: most calls of a function meet none, and the SSM client alone is 85 kB. */
async function readParameter(name: string): Promise<string | undefined> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  parameters ??= new SSMClient({});
  const answer = await parameters.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
  return answer.Parameter?.Value;
}

async function readSecret(name: string): Promise<string | undefined> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  secrets ??= new SecretsManagerClient({});
  const answer = await secrets.send(new GetSecretValueCommand({ SecretId: name }));
  return answer.SecretString;
}
