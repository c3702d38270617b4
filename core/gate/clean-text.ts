/** Makes text of foreign programs and servers fit to be stored and shown. */

/** 64 KiB of output, as much as a person scrolls through; a message is a paragraph. */
const LONGEST_OUTPUT = 64 * 1024;
const LONGEST_MESSAGE = 1_000;

/** CSI, OSC and two-character escape sequences of terminals, then every control character but line feed and tab, and direction overrides. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
const SECRETS =
  /-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bk8s-aws-v1\.[\w-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}|\bgh[pousr]_\w{20,}|\bglt_[\w-]{20,}|X-Amz-(?:Signature|Security-Token)=[^&\s"]+/g;

/** Output without escape sequences, control characters and what looks like a secret, at most 64 KiB. Attacker-controlled input. */
export function cleanOutput(text: string): string {
  // Cut first: the expressions below never see more than this.
  return text.slice(0, LONGEST_OUTPUT).replaceAll('\r\n', '\n').replace(ESCAPES, '').replace(CONTROLS, '').replace(SECRETS, '[redacted]');
}

/** The same as one short paragraph. */
export function cleanMessage(text: string): string {
  const cleaned = cleanOutput(text).replace(/\s+/g, ' ').trim();
  return cleaned.length > LONGEST_MESSAGE ? `${cleaned.slice(0, LONGEST_MESSAGE)}…` : cleaned;
}
