/**
 * Secrets of subscriptions. They lie nowhere: KMS makes each from its key, the subscription's id and the number of the secret, whenever it is needed.
 * Who reads the table learns none of them, and a new number is a new secret.
 */
import { GenerateMacCommand, KMSClient } from '@aws-sdk/client-kms';
import { Fault } from '../../core/errors.ts';
import { requiredVariable } from '../state/table.ts';

let client: KMSClient | undefined;
const known = new Map<string, Promise<string>>();
/** More subscriptions than that are seldom served by one instance. */
const MOST_KNOWN = 1_000;

/** `whsec_<base64>` of 32 bytes, as Standard Webhooks has it. Fault UNAVAILABLE when KMS does not answer. */
export function webhookSecret(subscription: string, version: number): Promise<string> {
  const name = `${subscription}\0${version}`;
  const cached = known.get(name);
  if (cached) return cached;
  if (known.size >= MOST_KNOWN) known.clear();
  const made = make(name);
  known.set(name, made);
  made.catch(() => known.delete(name));
  return made;
}

async function make(name: string): Promise<string> {
  client ??= new KMSClient({ maxAttempts: 4 });
  const Message = Buffer.from(`greenlight-webhook-secret\0${name}`);
  const command = new GenerateMacCommand({ KeyId: requiredVariable('WEBHOOK_KEY'), MacAlgorithm: 'HMAC_SHA_256', Message });
  const answer = await client.send(command).catch((error: unknown) => {
    throw new Fault('UNAVAILABLE', 'the key service does not answer', { cause: error });
  });
  return `whsec_${Buffer.from(answer.Mac!).toString('base64')}`;
}
