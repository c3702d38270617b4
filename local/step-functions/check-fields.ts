/** Checks that hold for any object of a definition: known fields, expressions, variable names, numbers. */
import { JSONPATH_FIELDS, UNSUPPORTED_FIELDS } from './definition-fields.ts';
import { expressionFault, isExpression } from './expressions.ts';

/** One thing that is wrong, at a JSON pointer of the definition. */
export interface Diagnostic {
  code: string;
  message: string;
  location: string;
}

/** Notes a fault at a JSON pointer of the definition. */
export type Report = (location: string, message: string, code?: string) => void;

/** Refuses fields that are not `allowed`, with the reason. */
export function checkFields(record: Record<string, unknown>, allowed: ReadonlySet<string>, at: string, report: Report): void {
  for (const field of Object.keys(record)) {
    if (allowed.has(field)) continue;
    if (JSONPATH_FIELDS.has(field)) report(`${at}/${field}`, `The JSONPath field '${field}' is not supported in JSONata`);
    else if (UNSUPPORTED_FIELDS.has(field)) report(`${at}/${field}`, `The field '${field}' is not supported by the local engine`);
    else report(`${at}/${field}`, `The field '${field}' is not supported by Step Functions`);
  }
}

/** Checks the variable names of an Assign. */
export function checkAssign(assign: unknown, at: string, report: Report): void {
  if (assign === undefined) return;
  if (!isObject(assign)) return void report(at, 'Assign is an object');
  for (const name of Object.keys(assign)) {
    if (!/^\p{ID_Start}\p{ID_Continue}*$/u.test(name) || name.length > 80) report(at, `'${name}' is not a variable name`);
    if (name === 'states') report(at, "The variable name 'states' is reserved");
  }
}

/** Checks every string inside a value that is or looks like a JSONata expression. */
export function checkExpressions(value: unknown, at: string, report: Report): void {
  if (Array.isArray(value)) for (const [i, item] of value.entries()) checkExpressions(item, `${at}[${i}]`, report);
  else if (isObject(value)) for (const [key, item] of Object.entries(value)) checkExpressions(item, `${at}/${key}`, report);
  else {
    const fault = expressionFault(value);
    if (fault) report(at, fault, 'INVALID_JSONATA_EXPRESSION');
  }
}

/** Checks a whole number; with `expression` a JSONata expression may stand in its place. */
export function checkNumber(value: unknown, least: number, most: number, at: string, report: Report, expression = false): void {
  if (value === undefined || (expression && isExpression(value))) return;
  if (!Number.isInteger(value) || Number(value) < least || Number(value) > most) report(at, `must be an integer from ${least} to ${most}`);
}

/** True for JSON objects. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
