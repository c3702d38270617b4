/** The program that goes with a bundle: whoever gets one needs Node and nothing of ours. */

export const BUNDLE_README = `The audit events of one tenant, with their proof.

lines.ndjson   the events: {"index": place in the log, "line": the line as it is stored}
leaves         the hash of every line of the log in its order, hex, one per line: lines of others appear as hashes only
checkpoint     the signed state of the log (C2SP note): origin, size, root in base64
keys/          the public keys of the log, as it declares them; trust a copy that you got another way
verify.mjs     node verify.mjs audit.pem: checks all of it, exit 0 or 1

It shows that every line here is in the log that was signed, where it says, and that each request's events follow one another from the first on. It cannot
show that the newest events of the tenant are all here: compare with another checkpoint, or ask for the export again.
`;

export const BUNDLE_VERIFIER = `// Checks a bundle: node verify.mjs [audit.pem]. Without a key the one that the log declares is used, which proves less.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const read = (name) => readFileSync(join(here, name));
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const leafOf = (line) => sha256(Uint8Array.of(0), line);
const fail = (why) => {
  console.log('INVALID ' + why);
  process.exit(1);
};

// 1. The root over all leaves is the one that was signed.
const leaves = read('leaves').toString().split('\\n').filter(Boolean).map((hex) => Buffer.from(hex, 'hex'));
let frontier = [];
leaves.forEach((leaf, index) => {
  let node = leaf;
  for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) node = sha256(Uint8Array.of(1), frontier.pop(), node);
  frontier.push(node);
});
const root = frontier.length === 0 ? sha256() : frontier.slice(0, -1).reduceRight((right, left) => sha256(Uint8Array.of(1), left, right), frontier.at(-1));
const note = read('checkpoint').toString();
const body = note.slice(0, note.lastIndexOf('\\n\\n') + 1);
const [origin, size, signed] = body.split('\\n');
if (Number(size) !== leaves.length) fail('the checkpoint is of ' + size + ' lines, and ' + leaves.length + ' leaves are here');
if (signed !== root.toString('base64')) fail('the leaves do not have the root that was signed');

// 2. It was signed by the key.
const keys = process.argv[2]
  ? [createPublicKey(readFileSync(process.argv[2]))]
  : readdirSync(join(here, 'keys')).map((name) =>
      createPublicKey({ key: Buffer.from(JSON.parse(read('keys/' + name).toString().split('\\n')[0]).spki, 'base64'), format: 'der', type: 'spki' }),
    );
const signatures = note.slice(body.length + 1).split('\\n').filter(Boolean).map((line) => Buffer.from(line.split(' ')[2], 'base64').subarray(4));
const isSigned = keys.some((key) =>
  signatures.some((signature) => verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(body), key, signature)),
);
if (!isSigned) fail('the checkpoint is not signed by this key');

// 3. Every line is where it says, and follows the line before of its request.
const last = new Map();
let count = 0;
for (const record of read('lines.ndjson').toString().split('\\n').filter(Boolean)) {
  const { index, line } = JSON.parse(record);
  if (!leaves[index] || !leafOf(Buffer.from(line)).equals(leaves[index])) fail('line ' + index + ' is not in the log');
  const { rid, seq, prev } = JSON.parse(line);
  const before = last.get(rid);
  if (before && (seq !== before.seq + 1 || prev !== before.hash)) fail('line ' + index + ' does not follow event ' + before.seq + ' of ' + rid);
  last.set(rid, { seq, hash: createHash('sha256').update(line).digest('hex') });
  count += 1;
}
console.log('valid: ' + count + ' lines of ' + size + ' in ' + origin + (existsSync(process.argv[2] ?? '') ? '' : ' (by the key that the log declares itself)'));
`;
