/** Keys and aliases on disk: per key a metadata file and a file with its material, both 0600; aliases share one file. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant } from '../clock.ts';
import { syncFolder, writeFileDurably } from '../durable-file.ts';
import type { PolicyDocument } from '../service.ts';
import { KEY_KINDS, type KeySpec, type KeyUsage } from './key-spec.ts';
import { invalid, KmsError } from './kms-error.ts';

export interface KmsKey {
  id: string;
  arn: string;
  spec: KeySpec;
  usage: KeyUsage;
  description: string;
  enabled: boolean;
  /** Recorded: the material itself stays, since older ciphertexts need it. */
  rotation: boolean;
  created: Instant;
  policy: PolicyDocument;
  /** Set while the key waits for its deletion. */
  deletion?: Instant;
  /** Days that a deletion waits when the caller names none. */
  pendingWindow: number;
  /** Stack and logical id that declared it. */
  declaredBy?: string;
}

export interface Alias {
  name: string;
  keyId: string;
  created: Instant;
}

/** A key as a request named it, with the alias if it used one. */
export interface ResolvedKey {
  key: KmsKey;
  alias?: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ALIAS_NAME = /^alias\/[a-zA-Z0-9/_-]{1,250}$/;

export class KeyStore {
  readonly #folder: string;
  readonly #arnPrefix: string;
  readonly #keys = new Map<string, KmsKey>();
  readonly #aliases = new Map<string, Alias>();
  readonly #material = new Map<string, Buffer>();

  /** `arnPrefix` is `arn:aws:kms:REGION:ACCOUNT:`. */
  constructor(folder: string, arnPrefix: string) {
    this.#folder = join(folder, 'keys');
    this.#arnPrefix = arnPrefix;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#folder).filter((file) => file.endsWith('.json') && UUID.test(file.slice(0, -5)))) {
      const key = JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as KmsKey;
      this.#keys.set(key.id, key);
    }
    if (!existsSync(this.#aliasFile)) return;
    for (const alias of JSON.parse(readFileSync(this.#aliasFile, 'utf8')) as Alias[]) this.#aliases.set(alias.name, alias);
  }

  keys(): KmsKey[] {
    return [...this.#keys.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  aliases(): Alias[] {
    return [...this.#aliases.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Makes a key with new material; the material is on disk before the metadata names it. */
  create(draft: Omit<KmsKey, 'id' | 'arn' | 'usage'>): KmsKey {
    const id = randomUUID();
    writeFileDurably(this.#materialFile(id), KEY_KINDS[draft.spec].generate());
    const key = { ...draft, id, arn: `${this.#arnPrefix}key/${id}`, usage: KEY_KINDS[draft.spec].usage };
    this.save(key);
    return key;
  }

  save(key: KmsKey): void {
    writeFileDurably(join(this.#folder, `${key.id}.json`), JSON.stringify(key, null, 2));
    this.#keys.set(key.id, key);
  }

  /** Destroys the material: nothing made with the key can be read or verified again. */
  destroy(key: KmsKey): void {
    rmSync(join(this.#folder, `${key.id}.json`), { force: true });
    rmSync(this.#materialFile(key.id), { force: true });
    syncFolder(this.#folder);
    this.#keys.delete(key.id);
    this.#material.delete(key.id);
    for (const alias of this.aliases()) if (alias.keyId === key.id) this.#aliases.delete(alias.name);
    this.#saveAliases();
  }

  material(key: KmsKey): Buffer {
    let material = this.#material.get(key.id);
    if (!material) {
      material = readFileSync(this.#materialFile(key.id));
      this.#material.set(key.id, material);
    }
    return material;
  }

  setAlias(name: string, keyId: string, now: Instant): void {
    if (!ALIAS_NAME.test(name) || name.startsWith('alias/aws/'))
      throw new KmsError('InvalidAliasNameException', `invalid alias name ${name}`);
    const { key } = this.resolve(keyId);
    const existing = this.#aliases.get(name);
    if (existing?.keyId === key.id) return;
    this.#aliases.set(name, { name, keyId: key.id, created: existing?.created ?? now });
    this.#saveAliases();
  }

  /** Finds a key by key id, key ARN, alias name or alias ARN. Throws NotFoundException, ValidationException. */
  resolve(name: unknown): ResolvedKey {
    if (typeof name !== 'string' || name.length === 0 || name.length > 2048)
      throw invalid("1 validation error detected: Value at 'keyId' is not valid");
    const local = name.startsWith(this.#arnPrefix) ? name.slice(this.#arnPrefix.length) : name;
    if (local.startsWith('alias/')) {
      const alias = this.#aliases.get(local);
      const key = alias && this.#keys.get(alias.keyId);
      if (!alias || !key) throw new KmsError('NotFoundException', `Alias ${this.#arnPrefix}${local} is not found.`);
      return { key, alias: alias.name };
    }
    const key = this.#keys.get(local.replace(/^key\//, ''));
    if (!key) throw new KmsError('NotFoundException', `Key '${this.arnFor(name)}' does not exist`);
    return { key };
  }

  /** ARN that a key id or key ARN stands for, whether or not the key exists. */
  arnFor(name: string): string {
    return name.startsWith('arn:') ? name : `${this.#arnPrefix}key/${name}`;
  }

  aliasArn(name: string): string {
    return `${this.#arnPrefix}${name}`;
  }

  get #aliasFile(): string {
    return join(this.#folder, 'aliases.json');
  }

  #materialFile(id: string): string {
    return join(this.#folder, `${id}.key`);
  }

  #saveAliases(): void {
    writeFileDurably(this.#aliasFile, JSON.stringify(this.aliases(), null, 2));
  }
}
