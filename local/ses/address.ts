/** E-mail addresses as SES takes them: `local@domain` or `Name <local@domain>`; comments, groups and quoted local parts are refused. */
import { SesError } from './ses-error.ts';

export interface Address {
  /** Display name, decoded; empty without one. */
  name: string;
  /** As given, e.g. `a.person@example.com`. */
  address: string;
  local: string;
  /** Lower case. */
  domain: string;
}

const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$/;
/** SES refuses an address of more than 320 characters, name included. */
const LONGEST = 320;

/** Reads one address or throws InvalidParameterValue. Line breaks in it are header injection and refused before anything else is looked at. */
export function parseAddress(text: string): Address {
  refuseControls(text, 'address');
  if (text.length > LONGEST) throw new SesError('InvalidParameterValue', 'Address is too long');
  const [, quoted, bare, angled] = /^\s*(?:(?:"((?:[^"\\]|\\.)*)"|([^"<>,;:@]*?))\s*<([^<>]*)>)\s*$/.exec(text) ?? [];
  const address = (angled ?? text).trim();
  const at = address.lastIndexOf('@');
  if (at < 0) throw new SesError('InvalidParameterValue', "Missing final '@domain'");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  if (/[^\x20-\x7e]/.test(local)) throw new SesError('InvalidParameterValue', 'Local address contains non-ASCII characters');
  if (!LOCAL_PART.test(local) || local.length > 64)
    throw new SesError('InvalidParameterValue', 'Local address contains control or whitespace');
  if (!DOMAIN.test(domain)) throw new SesError('InvalidParameterValue', 'Domain contains illegal character or has no dot');
  return { name: quoted?.replace(/\\(.)/g, '$1') ?? bare?.trim() ?? '', address, local, domain: domain.toLowerCase() };
}

/** Splits a header's list at the commas outside of quotes and angle brackets. */
export function splitAddresses(list: string): string[] {
  return (list.match(/(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,])+/g) ?? []).map((item) => item.trim()).filter((item) => item !== '');
}

/** Header injection: a value that an attacker chose must never begin a new header line. */
export function refuseControls(value: string, what: string): void {
  for (const character of value) {
    const code = character.codePointAt(0)!;
    if (code < 0x20 && code !== 0x09) throw new SesError('InvalidParameterValue', `Control characters are not allowed in ${what}`);
    if (code === 0x7f) throw new SesError('InvalidParameterValue', `Control characters are not allowed in ${what}`);
  }
}
