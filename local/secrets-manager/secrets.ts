/** The secrets of the local Secrets Manager: one file of mode 0600 each, replaced durably with each change. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import type { CloudContext } from '../service.ts';

export interface SecretVersion {
  id: string;
  stages: string[];
  /** Virtual milliseconds. */
  created: number;
  SecretString?: string;
  /** Base64. */
  SecretBinary?: string;
}

export interface Secret {
  Name: string;
  ARN: string;
  created: number;
  changed: number;
  Description?: string;
  KmsKeyId?: string;
  Tags: { Key: string; Value: string }[];
  /** Newest first. */
  versions: SecretVersion[];
  /** Hash of the template's value or generator when it was last applied: a value put by the API stays until the template says something else. */
  declared?: string;
}

/** What a new version holds. */
export interface SecretValue {
  SecretString?: string;
  SecretBinary?: string;
}

/** A refusal with Secrets Manager's error name. */
export class SecretsError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** AWS: 64 KB. */
const LARGEST = 65_536;
/** Versions without a stage are dropped beyond this number of newer ones; AWS promises not to keep them at all. */
const KEPT_VERSIONS = 20;
const NAME = /^[\w/+=.@-]{1,512}$/;
const STAGES = ['AWSCURRENT', 'AWSPREVIOUS'];

export class Secrets {
  readonly #context: CloudContext;
  readonly #secrets = new Map<string, Secret>();

  constructor(context: CloudContext) {
    this.#context = context;
    mkdirSync(context.folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(context.folder).filter((name) => name.endsWith('.json'))) {
      const secret = JSON.parse(readFileSync(join(context.folder, file), 'utf8')) as Secret;
      this.#secrets.set(secret.Name, secret);
    }
  }

  all(): Secret[] {
    return [...this.#secrets.values()].sort((left, right) => (left.Name < right.Name ? -1 : 1));
  }

  /** By name, ARN, or ARN without the six characters; undefined when there is none. */
  find(id: string): Secret | undefined {
    return this.#secrets.get(id) ?? this.all().find((secret) => secret.ARN === id || secret.ARN.slice(0, -7) === id);
  }

  get(id: string): Secret {
    const secret = this.find(id);
    if (!secret) throw new SecretsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    return secret;
  }

  /** A secret without a value; throws ResourceExistsException. */
  create(name: string, details: Pick<Secret, 'Description' | 'KmsKeyId' | 'Tags'>): Secret {
    if (!NAME.test(name))
      throw new SecretsError(
        'ValidationException',
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      );
    if (this.#secrets.has(name)) {
      throw new SecretsError('ResourceExistsException', `The operation failed because the secret ${name} already exists.`);
    }
    const now = this.#context.clock.now();
    const ARN = `arn:aws:secretsmanager:${this.#context.region}:${this.#context.account}:secret:${name}-${suffix()}`;
    const secret: Secret = { Name: name, ARN, created: now, changed: now, ...details, versions: [] };
    this.save(secret);
    return secret;
  }

  /** Adds a version. Without `stages` it becomes AWSCURRENT and the former current one AWSPREVIOUS. The same id with the same value changes nothing. */
  put(secret: Secret, value: SecretValue, id: string = randomUUID(), stages: string[] = ['AWSCURRENT']): SecretVersion {
    checkValue(value);
    const known = secret.versions.find((version) => version.id === id);
    if (known) {
      if (known.SecretString === value.SecretString && known.SecretBinary === value.SecretBinary) return known;
      throw new SecretsError('ResourceExistsException', `A version with the ID ${id} already exists with another value.`);
    }
    // The first version is current whatever it asks for.
    const wanted = secret.versions.length === 0 && !stages.includes('AWSCURRENT') ? [...stages, 'AWSCURRENT'] : stages;
    const version: SecretVersion = { id, stages: [], created: this.#context.clock.now(), ...value };
    secret.versions.unshift(version);
    for (const stage of wanted) moveStage(secret, stage, version);
    secret.versions = secret.versions.filter((other, index) => index < KEPT_VERSIONS || other.stages.length > 0);
    secret.changed = version.created;
    this.save(secret);
    return version;
  }

  /** The version by id, by stage, or by both; AWSCURRENT without either. */
  version(secret: Secret, id: string | undefined, stage: string | undefined): SecretVersion {
    const wanted = stage ?? (id === undefined ? 'AWSCURRENT' : undefined);
    const found = secret.versions.find(
      (version) => (id === undefined || version.id === id) && (wanted === undefined || version.stages.includes(wanted)),
    );
    if (!found) {
      throw new SecretsError(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for ${id === undefined ? `staging label: ${wanted}` : `VersionId: ${id}`}`,
      );
    }
    return found;
  }

  save(secret: Secret): void {
    this.#secrets.set(secret.Name, secret);
    // Names hold slashes and are the caller's: the file is named by their hash.
    const file = `${createHash('sha256').update(secret.Name).digest('hex').slice(0, 32)}.json`;
    writeFileDurably(join(this.#context.folder, file), JSON.stringify(secret), 0o600);
  }
}

function moveStage(secret: Secret, stage: string, to: SecretVersion): void {
  const from = secret.versions.find((version) => version !== to && version.stages.includes(stage));
  if (from) {
    from.stages = from.stages.filter((other) => other !== stage);
    if (stage === 'AWSCURRENT') moveStage(secret, 'AWSPREVIOUS', from);
  }
  if (!to.stages.includes(stage)) to.stages.push(stage);
  to.stages.sort((left, right) => STAGES.indexOf(left) - STAGES.indexOf(right));
}

function checkValue({ SecretString, SecretBinary }: SecretValue): void {
  if ((SecretString === undefined) === (SecretBinary === undefined)) {
    throw new SecretsError('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
  }
  const bytes = SecretString === undefined ? Buffer.from(SecretBinary ?? '', 'base64').length : Buffer.byteLength(SecretString);
  if (bytes < 1 || bytes > LARGEST)
    throw new SecretsError('ValidationException', `A secret value must have between 1 and ${LARGEST} bytes.`);
}

/** The six characters at the end of a secret's ARN. */
function suffix(): string {
  return randomBytes(64)
    .toString('base64')
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(0, 6);
}
