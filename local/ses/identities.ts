/** Who may send: verified addresses and domains, and configuration sets with their event destinations. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import type { CloudContext } from '../service.ts';
import { type Address, parseAddress } from './address.ts';
import { SesError } from './ses-error.ts';

/** Event types of SES that the local cloud produces, in the spelling of destinations. */
export type MailEventType = 'SEND' | 'DELIVERY' | 'BOUNCE' | 'COMPLAINT' | 'REJECT';

export interface ConfigurationSet {
  sendingEnabled: boolean;
  destinations: Record<string, { enabled: boolean; types: string[]; busArn: string }>;
}

export class Identities {
  readonly configurationSets = new Map<string, ConfigurationSet>();
  readonly #context: CloudContext;
  readonly #file: string;
  /** Of stacks: identity to its default configuration set. */
  readonly #declared = new Map<string, string | undefined>();
  readonly #verified: Set<string>;

  constructor(context: CloudContext) {
    this.#context = context;
    this.#file = join(context.folder, 'identities.json');
    this.#verified = new Set(read(this.#file));
  }

  declare(identity: string, configurationSet?: string): void {
    this.#declared.set(normalize(identity), configurationSet);
  }

  /** Of the API. The local cloud takes it as verified at once: nobody has to click or to publish a record. */
  verify(identity: string): void {
    if (identity.includes('@')) parseAddress(identity);
    else parseAddress(`postmaster@${identity}`);
    this.#verified.add(normalize(identity));
    writeFileDurably(this.#file, JSON.stringify([...this.#verified]));
  }

  list(): string[] {
    return [...new Set([...this.#declared.keys(), ...this.#verified])];
  }

  has(identity: string): boolean {
    const name = normalize(identity);
    return this.#declared.has(name) || this.#verified.has(name);
  }

  /** The identity that covers a sender: the address itself, else its domain or a parent of it. */
  covering(sender: Address): string | undefined {
    const labels = sender.domain.split('.');
    const candidates = [`${sender.local}@${sender.domain}`, ...labels.map((_, index) => labels.slice(index).join('.'))];
    return candidates.find((candidate) => this.has(candidate));
  }

  /** Throws MessageRejected in the words of SES. */
  assertCovered(sender: Address): string {
    const identity = this.covering(sender);
    if (identity) return identity;
    const region = this.#context.region.toUpperCase();
    throw new SesError(
      'MessageRejected',
      `Email address is not verified. The following identities failed the check in region ${region}: ${sender.address}`,
    );
  }

  defaultSet(identity: string): string | undefined {
    return this.#declared.get(normalize(identity));
  }

  arn(identity: string): string {
    return `arn:aws:ses:${this.#context.region}:${this.#context.account}:identity/${identity}`;
  }

  setArn(name: string): string {
    return `arn:aws:ses:${this.#context.region}:${this.#context.account}:configuration-set/${name}`;
  }
}

/** Domains are case-insensitive; the local part of an address is taken as given. */
function normalize(identity: string): string {
  const at = identity.lastIndexOf('@');
  return identity.slice(0, at + 1) + identity.slice(at + 1).toLowerCase();
}

function read(file: string): string[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as string[];
  } catch {
    return [];
  }
}
