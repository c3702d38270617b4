/** Takes events onto a bus, makes deliveries for the rules that match, and fires rules and schedules that are due. */
import { createHash, randomUUID } from 'node:crypto';
import type { BusEvent, CloudContext } from '../service.ts';
import { Deliveries, type Delivery } from './deliveries.ts';
import { type Rule, Rules } from './rules.ts';
import { Schedules } from './schedules.ts';
import { attemptTarget, type EventBridgeOptions, type EventTargets, type Target, targetKind } from './target.ts';
import { targetPayload } from './target-input.ts';

/** The envelope that rules match and targets receive. */
export interface EventEnvelope {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  /** Whole seconds, e.g. `2026-11-20T12:00:00Z`. */
  time: string;
  region: string;
  resources: string[];
  detail: unknown;
}

/** Defaults of RetryPolicy: 24 hours, 185 retries. */
const DEFAULT_AGE_SECONDS = 86_400;
const DEFAULT_RETRIES = 185;

/** Time as events carry it. */
export function eventTime(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

export class Router {
  readonly rules: Rules;
  readonly schedules: Schedules;
  readonly #context: CloudContext;
  readonly #deliveries: Deliveries;
  readonly #scheduled = new Map<string, (due: number) => Delivery[]>();

  constructor(context: CloudContext, targets: EventTargets, options: EventBridgeOptions) {
    this.#context = context;
    this.rules = new Rules(context);
    this.#deliveries = new Deliveries(
      context,
      (delivery) =>
        attemptTarget(
          context,
          targets,
          options,
          (event, busArn) => this.route(event as EventEnvelope, this.rules.busName(busArn), true),
          delivery,
        ),
      (queueArn, body) => targets.sendToQueue(queueArn, body),
    );
    this.schedules = new Schedules(context, (arn, due) => this.#deliveries.accept(this.#scheduled.get(arn)?.(due) ?? []));
  }

  envelope(event: Omit<BusEvent, 'bus'>, time = this.#context.clock.now()): EventEnvelope {
    return {
      version: '0',
      id: randomUUID(),
      'detail-type': event.detailType,
      source: event.source,
      account: this.#context.account,
      time: eventTime(time),
      region: this.#context.region,
      resources: event.resources ?? [],
      detail: event.detail,
    };
  }

  /** Returns once the deliveries of all matching rules are on disk. An event that came from another bus goes to no third one. */
  route(event: EventEnvelope, bus: string, forwarded = false): void {
    this.accept([{ event, bus }], forwarded);
  }

  /** Several events at once: one write. */
  accept(events: { event: EventEnvelope; bus: string }[], forwarded = false): void {
    const deliveries = events.flatMap(({ event, bus }) =>
      this.rules.matching(bus, event).flatMap((rule) => this.#deliveriesOf(rule, event, event.id, forwarded)),
    );
    this.#deliveries.accept(deliveries);
  }

  /** Arms or stops the schedule of a rule after it was put, enabled, disabled or removed. */
  schedule(rule: Rule): void {
    if (rule.state === 'ENABLED' && rule.schedule !== undefined && this.rules.find(rule.bus, rule.name)) {
      this.#scheduled.set(rule.arn, (due) => this.#fired(rule.bus, rule.name, due));
      this.schedules.set(rule.arn, { expression: rule.schedule });
    } else {
      this.#scheduled.delete(rule.arn);
      this.schedules.remove(rule.arn);
    }
  }

  /** A schedule that is not a rule (EventBridge Scheduler) brings its own deliveries. */
  onDue(arn: string, deliveries: ((due: number) => Delivery[]) | undefined): void {
    if (deliveries) this.#scheduled.set(arn, deliveries);
    else this.#scheduled.delete(arn);
  }

  /** A delivery that is due now. */
  delivery(id: string, sourceArn: string, target: Omit<Target, 'Id'>, payload: string): Delivery {
    const now = this.#context.clock.now();
    return {
      id,
      targetArn: target.Arn,
      sourceArn,
      payload,
      ...(target.RoleArn ? { roleArn: target.RoleArn } : {}),
      ...(target.DeadLetterConfig?.Arn ? { deadLetterArn: target.DeadLetterConfig.Arn } : {}),
      retries: target.RetryPolicy?.MaximumRetryAttempts ?? DEFAULT_RETRIES,
      expires: now + (target.RetryPolicy?.MaximumEventAgeInSeconds ?? DEFAULT_AGE_SECONDS) * 1000,
      attempts: 0,
      due: now,
    };
  }

  start(): void {
    this.rules.prune();
    for (const rule of this.rules.all()) this.schedule(rule);
    this.schedules.prune();
    this.#deliveries.start();
  }

  close(): void {
    this.schedules.close();
    this.#deliveries.close();
  }

  #fired(bus: string, name: string, due: number): Delivery[] {
    const rule = this.rules.find(bus, name);
    if (!rule) return [];
    const event = this.envelope({ source: 'aws.events', detailType: 'Scheduled Event', detail: {}, resources: [rule.arn] }, due);
    // The same firing after a crash gets the same id, so a delivery that is still waiting is not doubled.
    return this.#deliveriesOf(rule, event, createHash('sha256').update(`${rule.arn} ${due}`).digest('hex').slice(0, 32), false);
  }

  #deliveriesOf(rule: Rule, event: EventEnvelope, id: string, forwarded: boolean): Delivery[] {
    const ingestionTime = this.#context.clock.date().toISOString();
    return rule.targets.flatMap((target) => {
      if (forwarded && targetKind(target.Arn) === 'events') {
        this.#context.log('eventbridge: an event that came from another bus is not sent on to a third', {
          rule: rule.arn,
          target: target.Arn,
        });
        return [];
      }
      const payload = targetPayload(event, target, { arn: rule.arn, name: rule.name, ingestionTime });
      return [this.delivery(`${id}/${rule.arn}/${target.Id}`, rule.arn, target, payload)];
    });
  }
}
