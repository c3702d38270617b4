/** Reads YAML from a stranger: bounded in size, nodes and aliases, without duplicate keys, one document. */
import { type CST, isMap, isScalar, LineCounter, Parser, parseDocument, visit } from 'yaml';

export interface YamlProblem {
  line: number;
  message: string;
}

export type YamlResult =
  | { ok: true; value: unknown; lineOf(path: readonly PropertyKey[]): number }
  | { ok: false; problems: YamlProblem[] };

const LARGEST_BYTES = 256 * 1024;
const MOST_NODES = 5_000;
const MOST_ALIASES = 100;
const DEEPEST = 32;

/** `text` is attacker-controlled: every limit is checked before values are made. */
export function parseYaml(text: string): YamlResult {
  if (Buffer.byteLength(text) > LARGEST_BYTES) return refuse(1, `the file is larger than ${LARGEST_BYTES / 1024} KiB`);
  if (text.includes('\ufffd')) return refuse(1, 'the file is not UTF-8');
  const lines = new LineCounter();
  const source = text.replace(/^\ufeff/, '');
  // Before values are composed: that goes down into them by recursion, and a stack that is nearly full ends the whole process, not the call.
  if (isTooDeep(source)) return refuse(1, `the file is nested deeper than ${DEEPEST} levels`);
  const document = parseDocument(source, {
    lineCounter: lines,
    uniqueKeys: true,
    schema: 'core',
    merge: false,
    prettyErrors: false,
    strict: true,
  });
  const errors = document.errors.map((error) => ({ line: lines.linePos(error.pos[0]).line, message: error.message }));
  if (errors.length > 0) return { ok: false, problems: errors };
  let nodes = 0;
  let aliases = 0;
  visit(document, {
    Node() {
      return ++nodes > MOST_NODES ? visit.BREAK : undefined;
    },
    Alias() {
      aliases++;
      return undefined;
    },
  });
  if (nodes > MOST_NODES) return refuse(1, `the file has more than ${MOST_NODES} values`);
  if (aliases > MOST_ALIASES) return refuse(1, `the file has more than ${MOST_ALIASES} aliases`);
  try {
    const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
    return {
      ok: true,
      value,
      lineOf(path) {
        const key = path.at(-1);
        const parent = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true);
        const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
        const node = (isScalar(pair?.key) ? pair.key : undefined) ?? document.getIn([...path], true);
        const range = (node as { range?: [number, number, number] } | undefined)?.range;
        return range ? lines.linePos(range[0]).line : 1;
      },
    };
  } catch (error) {
    return refuse(1, error instanceof Error ? error.message : 'the file cannot be read');
  }
}

/** By the tokens alone, which are read one after the other however deep they stand. */
function isTooDeep(source: string): boolean {
  const pending: { token: CST.Token; depth: number }[] = [...new Parser().parse(source)].map((token) => ({ token, depth: 0 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > DEEPEST) return true;
    if (token.type === 'document' && token.value) pending.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) for (const part of [key, value]) if (part) pending.push({ token: part, depth: depth + 1 });
  }
  return false;
}

function refuse(line: number, message: string): YamlResult {
  return { ok: false, problems: [{ line, message }] };
}
