/** What IAM must allow for a KMS request. */
import type { IamCheck, ServiceRequest } from '../service.ts';
import { keyIdIn } from './ciphertext.ts';
import type { KeyStore } from './key-store.ts';
import { KmsError } from './kms-error.ts';
import { blob, encryptionContext, inputOf, type KmsInput, operationIn } from './kms-input.ts';

/** Operations without a key as their resource. */
const UNSCOPED = ['CreateKey', 'ListKeys', 'ListAliases'];

/** One check on the ARN of the key, also where the request used an alias. A request that can not be read has none: it is refused anyway. */
export function kmsChecks(request: ServiceRequest, store: KeyStore): IamCheck[] {
  const operation = operationIn(request);
  const action = `kms:${operation}`;
  if (!operation) return [];
  if (UNSCOPED.includes(operation)) return [{ action, resource: '*' }];
  try {
    const input = inputOf(request);
    const name = input.KeyId ?? (operation === 'Decrypt' ? keyIdIn(blob(input, 'CiphertextBlob')) : undefined);
    return typeof name === 'string' ? [{ action, ...resourceOf(store, name, input) }] : [];
  } catch (error) {
    if (error instanceof KmsError) return [];
    throw error;
  }
}

function resourceOf(store: KeyStore, name: string, input: KmsInput): Omit<IamCheck, 'action'> {
  try {
    const { key, alias } = store.resolve(name);
    const context: NonNullable<IamCheck['context']> = {
      'kms:KeySpec': key.spec,
      'kms:KeyUsage': key.usage,
      'kms:KeyOrigin': 'AWS_KMS',
      'kms:CallerAccount': key.arn.split(':')[4]!,
      'kms:ResourceAliases': store
        .aliases()
        .filter(({ keyId }) => keyId === key.id)
        .map((candidate) => candidate.name),
      ...requestConditions(input),
    };
    if (alias) context['kms:RequestAlias'] = alias;
    return { resource: key.arn, context };
  } catch (error) {
    // Whoever may not use a key is not told whether it exists.
    if (error instanceof KmsError && error.code === 'NotFoundException' && !name.includes('alias/'))
      return { resource: store.arnFor(name) };
    throw error;
  }
}

const FIELDS: Record<string, string> = {
  MessageType: 'kms:MessageType',
  SigningAlgorithm: 'kms:SigningAlgorithm',
  MacAlgorithm: 'kms:MacAlgorithm',
  EncryptionAlgorithm: 'kms:EncryptionAlgorithm',
  PendingWindowInDays: 'kms:ScheduleKeyDeletionPendingWindowInDays',
};

function requestConditions(input: KmsInput): NonNullable<IamCheck['context']> {
  const conditions: NonNullable<IamCheck['context']> = {};
  for (const [field, key] of Object.entries(FIELDS)) if (input[field] !== undefined) conditions[key] = String(input[field]);
  const context = Object.entries(encryptionContext(input));
  for (const [key, value] of context) conditions[`kms:EncryptionContext:${key}`] = value;
  if (context.length > 0) conditions['kms:EncryptionContextKeys'] = context.map(([key]) => key);
  return conditions;
}
