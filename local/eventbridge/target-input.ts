/** What a target receives: the event, a constant (`Input`), a part (`InputPath`), or a text made from parts (`InputTransformer`). */

export interface TargetInput {
  Input?: string;
  InputPath?: string;
  InputTransformer?: { InputPathsMap?: Record<string, string>; InputTemplate: string };
}

/** The rule that matched, for the reserved variables of templates; times are ISO 8601. */
export interface MatchedRule {
  arn: string;
  name: string;
  ingestionTime: string;
}

const PATH = /^\$((?:\.[A-Za-z0-9_-]+|\[\d+\]|\['[^']+'\])*)$/;

/** Text that goes to the target: JSON, unless the template makes something else. */
export function targetPayload(event: unknown, target: TargetInput, rule: MatchedRule): string {
  if (target.Input !== undefined) return target.Input;
  if (target.InputPath !== undefined) return JSON.stringify(select(event, target.InputPath) ?? null);
  if (target.InputTransformer) return transform(event, target.InputTransformer, rule);
  return JSON.stringify(event);
}

/** Why the input cannot be read, or undefined when it can. Paths are the service's subset of JSONPath: dots, `[0]`, `['key']`. */
export function inputProblem(target: TargetInput): string | undefined {
  const paths = [target.InputPath, ...Object.values(target.InputTransformer?.InputPathsMap ?? {})];
  const wrong = paths.find((path) => path !== undefined && !PATH.test(path));
  if (wrong !== undefined) return `InputPath ${wrong} is not a path that the local cloud reads.`;
  const names = Object.keys(target.InputTransformer?.InputPathsMap ?? {});
  if (names.some((name) => /^aws/i.test(name) || !/^[\w-]+$/.test(name))) return 'InputPathsMap has a reserved or invalid name.';
  if (target.Input === undefined) return undefined;
  try {
    JSON.parse(target.Input);
    return undefined;
  } catch {
    return 'Input is not valid JSON.';
  }
}

function select(event: unknown, path: string): unknown {
  let value = event;
  for (const [, dotted, index, quoted] of path.slice(1).matchAll(/\.([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]/g)) {
    if (typeof value !== 'object' || value === null) return undefined;
    const key = dotted ?? index ?? quoted!;
    value = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

/** Replaces `<name>`: inside quotes by the text of the value, outside by its JSON; what the event lacks becomes an empty text or `null`. */
function transform(event: unknown, transformer: NonNullable<TargetInput['InputTransformer']>, rule: MatchedRule): string {
  const variables = new Map<string, unknown>([
    ['aws.events.rule-arn', rule.arn],
    ['aws.events.rule-name', rule.name],
    ['aws.events.event.ingestion-time', rule.ingestionTime],
    ['aws.events.event.json', event],
    ['aws.events.event', withoutDetail(event)],
  ]);
  for (const [name, path] of Object.entries(transformer.InputPathsMap ?? {})) variables.set(name, select(event, path));
  const template = transformer.InputTemplate;
  let quoted = false;
  let text = '';
  for (let index = 0; index < template.length; index++) {
    const character = template[index]!;
    const name = character === '<' ? /^<([\w.-]+)>/.exec(template.slice(index, index + 300))?.[1] : undefined;
    if (name !== undefined && variables.has(name)) {
      text += quoted ? insideText(variables.get(name)) : (JSON.stringify(variables.get(name)) ?? 'null');
      index += name.length + 1;
      continue;
    }
    if (character === '\\' && quoted) text += character + (template[++index] ?? '');
    else {
      if (character === '"') quoted = !quoted;
      text += character;
    }
  }
  return text;
}

/** Escaped, so that a value that an attacker chose can never leave the quotes of the template. */
function insideText(value: unknown): string {
  if (value === undefined) return '';
  return JSON.stringify(typeof value === 'string' ? value : JSON.stringify(value)).slice(1, -1);
}

function withoutDetail(event: unknown): unknown {
  const { detail: _, ...rest } = event as Record<string, unknown>;
  return rest;
}
