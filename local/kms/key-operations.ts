/** Operations on keys themselves: making, describing, listing, disabling, deleting. */
import type { Clock } from '../clock.ts';
import type { PolicyDocument } from '../service.ts';
import { isKeySpec, KEY_KINDS } from './key-spec.ts';
import type { KeyStore, KmsKey } from './key-store.ts';
import { invalid, KmsError } from './kms-error.ts';
import { integer, type KmsInput } from './kms-input.ts';

const DAY_MS = 86_400_000;

export class KeyOperations {
  readonly #store: KeyStore;
  readonly #clock: Clock;
  readonly #account: string;

  constructor(store: KeyStore, clock: Clock, account: string) {
    this.#store = store;
    this.#clock = clock;
    this.#account = account;
  }

  /** Policy of a key that was made without one: the account decides by its IAM policies. */
  defaultPolicy(): PolicyDocument {
    const root = { AWS: `arn:aws:iam::${this.#account}:root` };
    return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: root, Action: 'kms:*', Resource: '*' }] };
  }

  createKey(input: KmsInput): Record<string, unknown> {
    const spec = String(input.KeySpec ?? input.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT');
    if (!isKeySpec(spec)) throw new KmsError('UnsupportedOperationException', `The key spec ${spec} is not supported.`);
    const usage = input.KeyUsage ?? KEY_KINDS.SYMMETRIC_DEFAULT.usage;
    if (usage !== KEY_KINDS[spec].usage) throw invalid(`KeyUsage ${String(usage)} is not compatible with KeySpec ${spec}`);
    const refused = ['CustomKeyStoreId', 'XksKeyId'].find((field) => input[field] !== undefined);
    if (refused || input.MultiRegion === true || (input.Origin ?? 'AWS_KMS') !== 'AWS_KMS') {
      throw new KmsError('UnsupportedOperationException', `${refused ?? 'MultiRegion or Origin'} is not supported.`);
    }
    const key = this.#store.create({
      spec,
      description: String(input.Description ?? ''),
      enabled: true,
      rotation: false,
      created: this.#clock.now(),
      pendingWindow: 30,
      policy: input.Policy === undefined ? this.defaultPolicy() : readPolicy(input.Policy),
    });
    return { KeyMetadata: this.metadata(key) };
  }

  describeKey(input: KmsInput): Record<string, unknown> {
    return { KeyMetadata: this.metadata(this.#store.resolve(input.KeyId).key) };
  }

  metadata(key: KmsKey): Record<string, unknown> {
    const state = key.deletion === undefined ? (key.enabled ? 'Enabled' : 'Disabled') : 'PendingDeletion';
    return {
      AWSAccountId: this.#account,
      KeyId: key.id,
      Arn: key.arn,
      CreationDate: key.created / 1000,
      Enabled: state === 'Enabled',
      Description: key.description,
      KeyUsage: key.usage,
      KeyState: state,
      ...(key.deletion === undefined ? {} : { DeletionDate: key.deletion / 1000 }),
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      CustomerMasterKeySpec: key.spec,
      KeySpec: key.spec,
      ...KEY_KINDS[key.spec].algorithms,
      MultiRegion: false,
    };
  }

  listKeys(input: KmsInput): Record<string, unknown> {
    const page = paged(this.#store.keys(), input, 1000);
    return { Keys: page.items.map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })), ...page.more };
  }

  listAliases(input: KmsInput): Record<string, unknown> {
    const wanted = input.KeyId === undefined ? undefined : this.#store.resolve(input.KeyId).key.id;
    const aliases = this.#store.aliases().filter(({ keyId }) => wanted === undefined || keyId === wanted);
    const page = paged(aliases, input, 100);
    const items = page.items.map(({ name, keyId, created }) => ({
      AliasName: name,
      AliasArn: this.#store.aliasArn(name),
      TargetKeyId: keyId,
      CreationDate: created / 1000,
    }));
    return { Aliases: items, ...page.more };
  }

  getKeyPolicy(input: KmsInput): Record<string, unknown> {
    const { key } = this.#store.resolve(input.KeyId);
    if ((input.PolicyName ?? 'default') !== 'default') throw new KmsError('NotFoundException', 'No such policy exists');
    return { Policy: JSON.stringify(key.policy), PolicyName: 'default' };
  }

  getKeyRotationStatus(input: KmsInput): Record<string, unknown> {
    const { key } = this.#store.resolve(input.KeyId);
    return { KeyId: key.arn, KeyRotationEnabled: key.rotation };
  }

  /** Throws KMSInvalidStateException while the key waits for its deletion. */
  setEnabled(input: KmsInput, enabled: boolean): undefined {
    const { key } = this.#store.resolve(input.KeyId);
    if (key.deletion !== undefined) throw new KmsError('KMSInvalidStateException', `${key.arn} is pending deletion.`);
    this.#store.save({ ...key, enabled });
    return undefined;
  }

  scheduleKeyDeletion(input: KmsInput): Record<string, unknown> {
    const { key } = this.#store.resolve(input.KeyId);
    if (key.deletion !== undefined) throw new KmsError('KMSInvalidStateException', `${key.arn} is pending deletion.`);
    const days = integer(input, 'PendingWindowInDays', [7, 30], key.pendingWindow);
    const deletion = this.#clock.now() + days * DAY_MS;
    this.#store.save({ ...key, enabled: false, deletion });
    this.armDeletions();
    return { KeyId: key.arn, DeletionDate: deletion / 1000, KeyState: 'PendingDeletion', PendingWindowInDays: days };
  }

  /** The key stays disabled, as in AWS. */
  cancelKeyDeletion(input: KmsInput): Record<string, unknown> {
    const { key } = this.#store.resolve(input.KeyId);
    if (key.deletion === undefined) throw new KmsError('KMSInvalidStateException', `${key.arn} is not pending deletion.`);
    const { deletion: _, ...rest } = key;
    this.#store.save(rest);
    return { KeyId: key.arn };
  }

  /** Destroys what is due and sets a timer for each key that waits. A cancelled deletion makes its timer do nothing. */
  armDeletions(): void {
    for (const { id, deletion } of this.#store.keys()) {
      if (deletion === undefined) continue;
      this.#clock.at(deletion, () => {
        const key = this.#store.keys().find((candidate) => candidate.id === id);
        if (key?.deletion !== undefined && key.deletion <= this.#clock.now()) this.#store.destroy(key);
      });
    }
  }
}

/** Throws MalformedPolicyDocumentException. */
function readPolicy(policy: unknown): PolicyDocument {
  try {
    const document = JSON.parse(String(policy)) as PolicyDocument;
    if (typeof document === 'object' && document !== null && document.Statement !== undefined) return document;
  } catch {
    // Answered below.
  }
  throw new KmsError('MalformedPolicyDocumentException', 'The policy is not a valid JSON policy document');
}

/** The marker is a position; it comes back from the caller. */
function paged<T>(all: T[], input: KmsInput, limit: number): { items: T[]; more: Record<string, unknown> } {
  const size = integer(input, 'Limit', [1, limit], 100);
  const start = input.Marker === undefined ? 0 : Number(input.Marker);
  if (!Number.isInteger(start) || start < 0) throw new KmsError('InvalidMarkerException', 'Could not deserialize marker');
  const end = start + size;
  return { items: all.slice(start, end), more: end < all.length ? { Truncated: true, NextMarker: String(end) } : { Truncated: false } };
}
