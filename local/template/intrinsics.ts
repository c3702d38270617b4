/** Resolves CloudFormation's intrinsic functions, conditions and pseudo parameters to plain values. */
import type { ResourceResult } from '../service.ts';
import type { Place, Template } from './assembly.ts';
import { TemplateError } from './template-error.ts';

/** Everything that a value of one stack may refer to while the stack is provisioned. */
export interface Scope {
  stack: string;
  stackId: string;
  place: Place;
  template: Template;
  parameters: ReadonlyMap<string, string | string[]>;
  /** Results of the resources that exist so far, by logical id. */
  resources: ReadonlyMap<string, ResourceResult>;
  /** Exports of the stacks provisioned before, by export name. */
  exports: ReadonlyMap<string, unknown>;
}

/** `AWS::NoValue`: the property or list item that holds it disappears. */
const NO_VALUE = Symbol('AWS::NoValue');
const DYNAMIC_REFERENCE = /\{\{resolve:([a-z-]+):[^}]*\}\}/;

type Argument = unknown;
type Resolver = (argument: Argument, scope: Scope) => unknown;

/** `value` with every intrinsic replaced; `at` names the place in messages. Throws `TemplateError`. */
export function resolveValue(value: unknown, scope: Scope, at: string): unknown {
  try {
    const resolved = resolve(value, scope);
    return resolved === NO_VALUE ? undefined : resolved;
  } catch (error) {
    if (error instanceof TemplateError) throw new TemplateError(`${at}: ${error.message}`);
    throw error;
  }
}

/** Whether a resource or output with this `Condition` exists. */
export function conditionHolds(name: string, scope: Scope, open: readonly string[] = []): boolean {
  const definition = scope.template.Conditions?.[name];
  if (definition === undefined) throw new TemplateError(`condition ${name} is not defined`);
  if (open.includes(name)) throw new TemplateError(`condition ${name} refers to itself`);
  return truth(definition, scope, [...open, name]);
}

function resolve(value: unknown, scope: Scope): unknown {
  if (typeof value === 'string') return checkedText(value);
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope)).filter((item) => item !== NO_VALUE);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  const only = keys.length === 1 ? keys[0]! : undefined;
  if (only === 'Ref' || only?.startsWith('Fn::')) {
    const resolver = RESOLVERS[only];
    if (!resolver) throw new TemplateError(`${only} is not supported by the local cloud`);
    return resolver((value as Record<string, unknown>)[only], scope);
  }
  const entries = Object.entries(value).map(([key, item]) => [key, resolve(item, scope)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== NO_VALUE));
}

function checkedText(text: string): string {
  const dynamic = DYNAMIC_REFERENCE.exec(text);
  if (dynamic) throw new TemplateError(`the dynamic reference {{resolve:${dynamic[1]}:…}} is not supported by the local cloud`);
  return text;
}

const RESOLVERS: Readonly<Record<string, Resolver>> = {
  Ref: (argument, scope) => reference(text(argument, 'Ref', scope), scope),
  'Fn::GetAtt': (argument, scope) => {
    const [id, ...path] = typeof argument === 'string' ? argument.split('.') : list(argument, 'Fn::GetAtt', scope).map(String);
    return attribute(id ?? '', path.join('.'), scope);
  },
  'Fn::Join': (argument, scope) => {
    const [separator, items] = pair(argument, 'Fn::Join');
    return list(items, 'Fn::Join', scope)
      .map(scalar)
      .join(text(separator, 'Fn::Join', scope));
  },
  'Fn::Sub': substitute,
  'Fn::Select': (argument, scope) => {
    const [index, items] = pair(argument, 'Fn::Select');
    const values = list(items, 'Fn::Select', scope);
    const position = Number(resolve(index, scope));
    if (!(position in values)) throw new TemplateError(`Fn::Select: there is no item ${position} in a list of ${values.length}`);
    return values[position];
  },
  'Fn::Split': (argument, scope) => {
    const [separator, source] = pair(argument, 'Fn::Split');
    return text(source, 'Fn::Split', scope).split(text(separator, 'Fn::Split', scope));
  },
  'Fn::FindInMap': (argument, scope) => {
    const [map, first, second] = (argument as unknown[]).map((item) => text(item, 'Fn::FindInMap', scope));
    const found = scope.template.Mappings?.[map!]?.[first!]?.[second!];
    if (found === undefined) throw new TemplateError(`Fn::FindInMap: ${map}.${first}.${second} does not exist`);
    return found;
  },
  'Fn::Base64': (argument, scope) => Buffer.from(text(argument, 'Fn::Base64', scope)).toString('base64'),
  'Fn::GetAZs': (argument, scope) => {
    const region = text(argument, 'Fn::GetAZs', scope) || scope.place.region;
    return ['a', 'b', 'c'].map((zone) => `${region}${zone}`);
  },
  'Fn::ImportValue': (argument, scope) => {
    const name = text(argument, 'Fn::ImportValue', scope);
    if (!scope.exports.has(name)) throw new TemplateError(`Fn::ImportValue: no stack exports ${name}`);
    return scope.exports.get(name);
  },
  'Fn::If': (argument, scope) => {
    const [name, yes, no] = argument as [string, unknown, unknown];
    return resolve(conditionHolds(name, scope) ? yes : no, scope);
  },
  'Fn::Length': (argument, scope) => list(argument, 'Fn::Length', scope).length,
  'Fn::ToJsonString': (argument, scope) => JSON.stringify(resolve(argument, scope)),
};

function substitute(argument: Argument, scope: Scope): string {
  const template: unknown = Array.isArray(argument) ? argument[0] : argument;
  const own = (Array.isArray(argument) ? (argument[1] ?? {}) : {}) as Record<string, unknown>;
  if (typeof template !== 'string') throw new TemplateError('Fn::Sub: the template is not text');
  return template.replace(/\$\{([^}]*)\}/g, (whole, inner: string) => {
    if (inner.startsWith('!')) return `\${${inner.slice(1)}}`;
    const name = inner.trim();
    if (Object.hasOwn(own, name)) return scalar(resolve(own[name], scope));
    const dot = name.indexOf('.');
    const found = dot < 0 ? reference(name, scope) : attribute(name.slice(0, dot), name.slice(dot + 1), scope);
    if (found === undefined) throw new TemplateError(`Fn::Sub: ${whole} has no value`);
    return scalar(found);
  });
}

function reference(name: string, scope: Scope): unknown {
  if (name.startsWith('AWS::')) return pseudo(name, scope);
  if (scope.parameters.has(name)) return scope.parameters.get(name);
  const resource = scope.resources.get(name);
  if (resource) return resource.ref;
  if (scope.template.Parameters?.[name])
    throw new TemplateError(`parameter ${name} has no value (${scope.template.Parameters[name].Type})`);
  throw new TemplateError(`${name} is neither a parameter nor a resource that exists under the given conditions`);
}

function attribute(id: string, name: string, scope: Scope): string {
  const resource = scope.resources.get(id);
  if (!resource) throw new TemplateError(`${id} is not a resource that exists under the given conditions`);
  const value = resource.attributes?.[name];
  if (value === undefined) {
    const type = scope.template.Resources[id]?.Type;
    throw new TemplateError(`the local cloud has no attribute ${name} of ${id} (${type})`);
  }
  return value;
}

function pseudo(name: string, scope: Scope): unknown {
  switch (name) {
    case 'AWS::Region':
      return scope.place.region;
    case 'AWS::AccountId':
      return scope.place.account;
    case 'AWS::Partition':
      return scope.place.partition;
    case 'AWS::URLSuffix':
      return 'amazonaws.com';
    case 'AWS::StackName':
      return scope.stack;
    case 'AWS::StackId':
      return scope.stackId;
    case 'AWS::NoValue':
      return NO_VALUE;
    default:
      throw new TemplateError(`the pseudo parameter ${name} is not supported by the local cloud`);
  }
}

function truth(expression: unknown, scope: Scope, open: readonly string[]): boolean {
  if (typeof expression !== 'object' || expression === null) throw new TemplateError(`${JSON.stringify(expression)} is not a condition`);
  const [[kind, argument] = ['', undefined]] = Object.entries(expression);
  const all = (): unknown[] => argument as unknown[];
  switch (kind) {
    case 'Fn::Equals': {
      const [left, right] = all().map((item) => JSON.stringify(resolve(item, scope)));
      return left === right;
    }
    case 'Fn::And':
      return all().every((item) => truth(item, scope, open));
    case 'Fn::Or':
      return all().some((item) => truth(item, scope, open));
    case 'Fn::Not':
      return !truth(all()[0], scope, open);
    case 'Condition':
      return conditionHolds(String(argument), scope, open);
    default:
      throw new TemplateError(`${kind} is not a condition function`);
  }
}

function pair(argument: Argument, name: string): [unknown, unknown] {
  if (!Array.isArray(argument) || argument.length !== 2) throw new TemplateError(`${name} takes a list of two`);
  return argument as [unknown, unknown];
}

function list(argument: Argument, name: string, scope: Scope): unknown[] {
  const value = resolve(argument, scope);
  if (!Array.isArray(value)) throw new TemplateError(`${name} takes a list`);
  return value;
}

function text(argument: Argument, name: string, scope: Scope): string {
  const value = resolve(argument, scope);
  if (typeof value !== 'string' && typeof value !== 'number') throw new TemplateError(`${name} takes text`);
  return String(value);
}

function scalar(value: unknown): string {
  if (typeof value === 'object') throw new TemplateError(`${JSON.stringify(value)} is not text`);
  return String(value);
}
