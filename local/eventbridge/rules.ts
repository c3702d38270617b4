/** Buses, rules and their targets, kept in one file. What a stack declares is replaced only when its declaration changes, as CloudFormation does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../durable-file.ts';
import type { CloudContext, PolicyDocument } from '../service.ts';
import { AwsError } from './aws-error.ts';
import { compilePattern, type Matcher } from './event-pattern.ts';
import { assertTarget, type Target } from './target.ts';

export interface RuleDefinition {
  name: string;
  bus: string;
  description?: string;
  /** JSON text. */
  pattern?: string;
  schedule?: string;
  state: 'ENABLED' | 'DISABLED';
  roleArn?: string;
  targets: Target[];
}

export interface Rule extends RuleDefinition {
  arn: string;
  /** The declaration as last applied, for rules of a stack. */
  declared?: string;
}

interface Stored {
  buses: Record<string, { declared: boolean; policy?: PolicyDocument; description?: string; created: number }>;
  rules: Rule[];
}

export class Rules {
  readonly #context: CloudContext;
  readonly #file: string;
  readonly #stored: Stored;
  readonly #matchers = new Map<string, Matcher>();
  readonly #declaredNow = new Set<string>();

  constructor(context: CloudContext) {
    this.#context = context;
    this.#file = join(context.folder, 'rules.json');
    this.#stored = read(this.#file) ?? { buses: {}, rules: [] };
    // Its policy statements are declared anew at each start.
    this.#stored.buses['default'] = { declared: true, created: this.#stored.buses['default']?.created ?? context.clock.now() };
    this.#declaredNow.add(this.busArn('default'));
  }

  busArn(name: string): string {
    return `arn:aws:events:${this.#context.region}:${this.#context.account}:event-bus/${name}`;
  }

  ruleArn(bus: string, name: string): string {
    return `arn:aws:events:${this.#context.region}:${this.#context.account}:rule/${bus === 'default' ? '' : `${bus}/`}${name}`;
  }

  /** Bus name of a name or ARN; absent means the default bus. */
  busName(nameOrArn: string | undefined): string {
    return nameOrArn?.replace(/^arn:[^/]*:event-bus\//, '') || 'default';
  }

  hasBus(name: string): boolean {
    return Object.hasOwn(this.#stored.buses, name);
  }

  /** Throws ResourceNotFoundException. */
  assertBus(name: string): void {
    if (!this.hasBus(name)) throw new AwsError(400, 'ResourceNotFoundException', `Event bus ${name} does not exist.`);
  }

  buses(): { Name: string; Arn: string; Description?: string; Policy?: string; CreationTime: number }[] {
    return Object.entries(this.#stored.buses).map(([name, bus]) => ({
      Name: name,
      Arn: this.busArn(name),
      ...(bus.description ? { Description: bus.description } : {}),
      ...(bus.policy ? { Policy: JSON.stringify(bus.policy) } : {}),
      CreationTime: bus.created / 1000,
    }));
  }

  declareBus(name: string, details: { policy?: PolicyDocument; description?: string }): void {
    const created = this.#stored.buses[name]?.created ?? this.#context.clock.now();
    this.#stored.buses[name] = { declared: true, created, ...details };
    this.#declaredNow.add(this.busArn(name));
    this.#save();
  }

  /** Adds or replaces one statement (by Sid) of a bus's policy. */
  declareStatement(bus: string, statement: { Sid?: string }): void {
    this.assertBus(bus);
    const kept = this.#stored.buses[bus]!;
    const others = ((kept.policy?.Statement ?? []) as { Sid?: string }[]).filter((other) => other.Sid !== statement.Sid);
    kept.policy = { Version: '2012-10-17', Statement: [...others, statement] };
    this.#save();
  }

  policy(busArn: string): PolicyDocument | undefined {
    return this.#stored.buses[this.busName(busArn)]?.policy;
  }

  all(): readonly Rule[] {
    return this.#stored.rules;
  }

  ofBus(bus: string): Rule[] {
    return this.#stored.rules.filter((rule) => rule.bus === bus);
  }

  find(bus: string, name: string): Rule | undefined {
    return this.#stored.rules.find((rule) => rule.bus === bus && rule.name === name);
  }

  /** Throws ResourceNotFoundException. */
  get(bus: string, name: string): Rule {
    this.assertBus(bus);
    const rule = this.find(bus, name);
    if (!rule) throw new AwsError(400, 'ResourceNotFoundException', `Rule ${name} does not exist on EventBus ${bus}.`);
    return rule;
  }

  /** Creates or replaces a rule. A stack's rule that did not change in the template keeps what the API changed meanwhile, e.g. DisableRule. */
  put(definition: RuleDefinition, origin: 'stack' | 'api'): Rule {
    this.assertBus(definition.bus);
    if (definition.pattern !== undefined) compilePattern(definition.pattern);
    for (const target of definition.targets) assertTarget(target);
    const known = this.find(definition.bus, definition.name);
    const arn = this.ruleArn(definition.bus, definition.name);
    const declared = origin === 'stack' ? JSON.stringify(definition) : known?.declared;
    if (origin === 'stack') {
      this.#declaredNow.add(arn);
      if (known && known.declared === declared) return known;
    }
    const rule: Rule = { ...definition, arn, ...(declared === undefined ? {} : { declared }) };
    this.#stored.rules = [...this.#stored.rules.filter((other) => other !== known), rule];
    this.#matchers.delete(arn);
    this.#save();
    return rule;
  }

  remove(rule: Rule): void {
    this.#stored.rules = this.#stored.rules.filter((other) => other !== rule);
    this.#matchers.delete(rule.arn);
    this.#save();
  }

  /** Enabled rules of a bus whose pattern matches. */
  matching(bus: string, event: unknown): Rule[] {
    return this.ofBus(bus).filter((rule) => {
      if (rule.state !== 'ENABLED' || rule.pattern === undefined) return false;
      let matcher = this.#matchers.get(rule.arn);
      if (!matcher) {
        matcher = compilePattern(rule.pattern);
        this.#matchers.set(rule.arn, matcher);
      }
      return matcher(event);
    });
  }

  /** Drops rules and buses that earlier starts declared and this one does not. */
  prune(): void {
    const stale = (declared: boolean, arn: string) => declared && !this.#declaredNow.has(arn);
    this.#stored.rules = this.#stored.rules.filter((rule) => !stale(rule.declared !== undefined, rule.arn));
    for (const [name, bus] of Object.entries(this.#stored.buses)) {
      if (stale(bus.declared, this.busArn(name))) delete this.#stored.buses[name];
    }
    this.#save();
  }

  #save(): void {
    writeFileDurably(this.#file, JSON.stringify(this.#stored));
  }
}

function read(file: string): Stored | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Stored;
  } catch {
    return undefined;
  }
}
