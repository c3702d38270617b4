/** Evaluates the JSONata of a definition: `{% … %}` strings anywhere inside a field. */
import jsonata from 'jsonata';
import type { Clock } from '../clock.ts';
import { StateFailure } from './failures.ts';
import { jsonataFunctions } from './jsonata-functions.ts';

/** What expressions see: `$states`, the variables, the functions. */
export interface Scope {
  states: { input: unknown; context: unknown; result?: unknown; errorOutput?: unknown };
  variables: Record<string, unknown>;
  clock: Clock;
  /** State whose field is evaluated, for the cause of a failure. */
  stateName: string;
}

const compiled = new Map<string, jsonata.Expression>();

/** True for a string that is one JSONata expression. */
export function isExpression(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('{%') && value.endsWith('%}') && value.length >= 4;
}

/** Says what is wrong with a string of a definition, undefined when it is a literal or a valid expression. */
export function expressionFault(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const isWhole: boolean = isExpression(value);
  if (!isWhole) {
    return value.startsWith('{%') || value.endsWith('%}') ? 'A JSONata expression starts with {% and ends with %}' : undefined;
  }
  try {
    return /\$eval\s*\(/.test(sourceOf(value)) ? '$eval is not supported' : void compile(value);
  } catch (error) {
    return `JSONata: ${(error as Error).message}`;
  }
}

/** Evaluates a field. Throws StateFailure `States.QueryEvaluationError` for errors and for expressions that yield nothing. */
export async function evaluate(template: unknown, scope: Scope, field: string): Promise<unknown> {
  if (isExpression(template)) return evaluateOne(template, scope, field);
  if (Array.isArray(template)) {
    const items: unknown[] = [];
    for (const [i, item] of template.entries()) items.push(await evaluate(item, scope, `${field}[${i}]`));
    return items;
  }
  if (typeof template === 'object' && template !== null) {
    const entries: [string, unknown][] = [];
    for (const [key, item] of Object.entries(template)) entries.push([key, await evaluate(item, scope, `${field}/${key}`)]);
    return Object.fromEntries(entries);
  }
  return template;
}

/** A failure of evaluation in the words of AWS. */
export function evaluationFailure(scope: Scope, source: string, field: string, what: string): StateFailure {
  return new StateFailure(
    'States.QueryEvaluationError',
    `An error occurred while executing the state '${scope.stateName}'. The JSONata expression '${source}' specified for the field '${field}' ${what}`,
  );
}

async function evaluateOne(text: string, scope: Scope, field: string): Promise<unknown> {
  const source = sourceOf(text);
  let value: unknown;
  try {
    value = await compile(text).evaluate(undefined, { ...jsonataFunctions(scope.clock), ...scope.variables, states: scope.states });
  } catch (error) {
    throw evaluationFailure(
      scope,
      source,
      field,
      `threw an error during evaluation. ${(error as { code?: string }).code ?? ''}: ${(error as Error).message}`,
    );
  }
  // A function, also a built-in one that was not called, has no JSON form.
  const isFunction =
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && ('_jsonata_function' in value || '_jsonata_lambda' in value));
  if (value === undefined) throw evaluationFailure(scope, source, field, 'returned nothing (undefined).');
  const json = isFunction ? undefined : JSON.stringify(value);
  if (json === undefined) throw evaluationFailure(scope, source, field, 'returned an unsupported result type.');
  return JSON.parse(json);
}

function compile(text: string): jsonata.Expression {
  let expression = compiled.get(text);
  if (!expression) {
    expression = jsonata(sourceOf(text));
    compiled.set(text, expression);
  }
  return expression;
}

function sourceOf(text: string): string {
  return text.slice(2, -2).trim();
}
