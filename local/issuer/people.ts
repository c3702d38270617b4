/** The people who can sign in, and the one password of the data folder. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileDurably } from '../durable-file.ts';

export interface IssuerPerson {
  /** `sub` of the tokens: stable, never reused for somebody else. */
  subject: string;
  email: string;
  name: string;
  groups?: string[];
  /** Further claims for both tokens; they cannot replace the issuer's own. */
  claims?: Record<string, unknown>;
}

export class People {
  readonly passwordFile: string;
  readonly #people: readonly IssuerPerson[];

  constructor(folder: string, people: readonly IssuerPerson[]) {
    this.#people = people;
    this.passwordFile = join(folder, 'password');
    createFileDurably(this.passwordFile, `${randomBytes(18).toString('base64url')}\n`);
  }

  all(): readonly IssuerPerson[] {
    return this.#people;
  }

  bySubject(subject: string): IssuerPerson | undefined {
    return this.#people.find((person) => person.subject === subject);
  }

  byEmail(email: string): IssuerPerson | undefined {
    return this.#people.find((person) => person.email.toLowerCase() === email.toLowerCase());
  }

  /** Compares in constant time; `given` is attacker-controlled. The file may be edited while the issuer runs. */
  isPassword(given: string): boolean {
    const hash = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(hash(given), hash(readFileSync(this.passwordFile, 'utf8').trim()));
  }
}
