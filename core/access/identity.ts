/** Who acts. Identity is (issuer, subject); the e-mail address is contact data and never authority. */
import { sha256Hex } from '../promotion/canonical-json.ts';

export type ActorKind = 'person' | 'robot' | 'policy' | 'system';
/** How the actor proved who it is. */
export type AuthMethod = 'oidc' | 'session' | 'token' | 'email-link' | 'slack' | 'hmac' | 'engine';
export type Channel = 'rest' | 'link' | 'slack' | 'cli' | 'console' | 'engine' | 'schedule' | 'hook';

/** A verified identity, straight from the token. Every field comes from the issuer, not from the request. */
export interface Identity {
  issuer: string;
  subject: string;
  /** Contact data of a person; of a robot a label that is no address, such as `token:nightly`. */
  email: string;
  name: string;
  kind: ActorKind;
  auth: AuthMethod;
  /** The person who answers for a robot. */
  owner?: Party;
}

/** Somebody as far as "the same person?" needs it: the key compares identities, the address is the second net. */
export interface Party {
  key: string;
  email: string;
}

/** An identity as the state table keeps it: `id` is the random pseudonym that audit lines hold, `key` compares identities. */
export interface Actor {
  id: string;
  key: string;
  kind: ActorKind;
  email: string;
  name?: string;
  /** The person who answers for a robot: counts as whoever the robot acts for. */
  owner?: Party;
}

/** Key of whom somebody acts for: a robot and the person who answers for it count as one. */
export function principalKey({ key, owner }: Pick<Actor, 'key' | 'owner'>): string {
  return owner?.key ?? key;
}

/** Where somebody is written to: nobody reads the mail of a robot. */
export function mailAddressOf({ email, owner }: Pick<Actor, 'email' | 'owner'>): string {
  return owner?.email ?? email;
}

/** How somebody is shown where the person behind a robot matters. */
export function nameInFull({ email, owner }: Pick<Actor, 'email' | 'owner'>): string {
  return owner ? `${email} for ${owner.email}` : email;
}

/** The engine itself, as actor of transitions that no person makes. */
export const ENGINE: Actor = { id: 'system', key: 'system', kind: 'system', email: 'system' };

/** Key by which identities are compared: no issuer can name another's subject. */
export function identityKey(identity: Pick<Identity, 'issuer' | 'subject'>): string {
  return sha256Hex(`${identity.issuer}\n${identity.subject}`).slice(0, 32);
}

/**
 * Canonical form of an e-mail address: a second net against self-approval by a second account, never the first.
 * Undefined when the address is not one that can be compared safely. `address` may be chosen by an attacker at the issuer.
 */
export function canonicalEmail(address: string): string | undefined {
  const normalized = address.normalize('NFKC').trim();
  const at = normalized.lastIndexOf('@');
  if (at <= 0) return undefined;
  const local = normalized.slice(0, at);
  const domain = normalized
    .slice(at + 1)
    .replace(/\.$/, '')
    .toLowerCase();
  if (!/^[\x21-\x7e]+$/.test(local) || !/^[a-z0-9.-]+$/.test(domain)) return undefined;
  const mailbox = local.split('+')[0]!.replaceAll('.', '').toLowerCase();
  return mailbox === '' ? undefined : `${mailbox}@${domain}`;
}

/** Same identity, or an address that is the same by its canonical form. */
export function isSamePerson(left: Party, right: Party): boolean {
  if (left.key === right.key) return true;
  const one = canonicalEmail(left.email);
  return one !== undefined && one === canonicalEmail(right.email);
}
