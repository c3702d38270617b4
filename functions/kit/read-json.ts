/** Reads JSON as strictly as its writer should have meant it: what two parsers could understand differently is refused. */
import { Refusal } from '../../core/errors.ts';

/** Nothing of ours nests deeper than 6; 32 leaves room and ends recursion everywhere behind it. */
const DEEPEST = 32;
/** Keys that reach prototypes when a record is copied carelessly. */
const POISONOUS = new Set(['__proto__', 'constructor', 'prototype']);
const LONE_SURROGATE = /\p{Surrogate}/u;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|-?\d[\d.eE+-]*|true|false|null/g;

/** Bytes are attacker-controlled. Refusals: INVALID_REQUEST, DUPLICATE_KEY, UNKNOWN_FIELD (keys that name prototypes). */
export function readJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('INVALID_REQUEST', 'the body is not JSON', { hint: 'send one JSON object in UTF-8' });
  }
  checkTokens(text);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal('INVALID_REQUEST', 'the body is not UTF-8');
  }
}

/** Walks the tokens of a text that is known to be JSON. */
function checkTokens(text: string): void {
  // One entry per open container: the keys seen in an object, or nothing for an array.
  const open: (Set<string> | undefined)[] = [];
  let before = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > DEEPEST) throw new Refusal('INVALID_REQUEST', `the body nests deeper than ${DEEPEST}`);
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token[0] === '"') {
      const string = JSON.parse(token) as string;
      if (LONE_SURROGATE.test(string)) throw new Refusal('INVALID_REQUEST', 'a string holds half of a surrogate pair');
      const keys = open.at(-1);
      if (keys && (before === '{' || before === ',')) checkKey(keys, string);
    } else if (/^[-\d]/.test(token)) {
      checkNumber(token);
    }
    before = token;
  }
}

function checkKey(keys: Set<string>, key: string): void {
  if (POISONOUS.has(key)) throw new Refusal('UNKNOWN_FIELD', 'the body holds a field that no schema has');
  if (keys.has(key)) throw new Refusal('DUPLICATE_KEY', 'an object of the body holds the same key twice', { hint: 'send every key once' });
  keys.add(key);
}

function checkNumber(token: string): void {
  const number = Number(token);
  const isExact = !/^-?\d+$/.test(token) || Number.isSafeInteger(number);
  if (!Number.isFinite(number) || !isExact) throw new Refusal('INVALID_REQUEST', 'a number of the body is out of range');
}
