/** People who promote without pause while the cloud dies and comes back: each repeats what was not answered, and keeps a journal of what was. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from '../../bench/dice.ts';
import { CommandFailure, EXIT } from '../../cli/failure.ts';
import { buildPaymentImage } from '../../local/demo/payment-image.ts';
import { attachSbom, pushImage, signImage } from '../../local/demo/push-image.ts';
import { type Answer, textOf } from '../flows/cloud.ts';
import { bodyOf, idOf } from '../flows/requests.ts';
import { type CrashCloud, LINK } from './cloud.ts';
import { isFinal } from './proof.ts';

/** What a client knows of a request because it was answered with 2xx. */
export interface Known {
  path: string;
  version: string;
  environment: string;
  planHash: string;
  /** People whose approval was acknowledged. */
  approved: string[];
  /** Set once a final phase was seen: it may never change again. */
  end?: string;
}

const APPROVERS: Record<string, readonly string[]> = { staging: ['cpi'], prod: ['lead', 'security'] };
/** Who gets a mail with a link. */
export const ASKED: Record<string, readonly string[]> = { staging: ['cpi', 'cpi2'], prod: ['lead', 'security'] };
/** Of ten requests: the rest is approved. */
const [REJECTED, CANCELLED] = [1, 1];
const PAUSE_MS = 100;
/** Longest real time that one call is repeated while the cloud is away, and that one request takes to its end. */
const LIMIT_MS = 300_000;

export class Traffic {
  readonly journal: Known[] = [];
  readonly #cloud: CrashCloud;
  readonly #dice: Dice;
  #running = true;
  #resting = false;
  #people: Promise<void>[] = [];

  constructor(cloud: CrashCloud, dice: Dice) {
    this.#cloud = cloud;
    this.#dice = dice;
  }

  /** One person for each artifact; `environments` are those that each version is brought to, in order. */
  begin(artifacts: Record<string, readonly string[]>): void {
    this.#people = Object.entries(artifacts).map(([artifact, environments]) => this.#promote(artifact, environments));
    for (const person of this.#people) person.catch(() => undefined);
  }

  /** While it is checked what happened, nobody begins anything new; what is under way goes on. */
  rest(resting: boolean): void {
    this.#resting = resting;
  }

  /** Lets everybody end what they began. */
  async end(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#people);
  }

  async #promote(artifact: string, environments: readonly string[]): Promise<void> {
    for (let number = 1; this.#running; number++) {
      while (this.#resting) await sleep(PAUSE_MS);
      const version = `5.${number}.0`;
      await this.#push(artifact, version, this.#dice.next() < 0.7 ? 'true' : 'after-50');
      for (const environment of environments) {
        const known = await this.#create(artifact, version, environment);
        const end = await this.#decide(known);
        if (end !== 'succeeded') break;
      }
    }
  }

  #push(artifact: string, version: string, healthy: string): Promise<void> {
    return this.#steady(async () => {
      const { registries, signing } = this.#cloud.endpoints;
      const to = { address: registries.dev, name: artifact };
      const image = await buildPaymentImage(version, healthy);
      await pushImage(to, image, [version]);
      await attachSbom(to, image, artifact, version);
      await signImage(to, image.digest, textOf(signing.privateKey));
    });
  }

  /** Asked again only when the first time was not answered and left nothing. */
  #create(artifact: string, version: string, environment: string): Promise<Known> {
    return this.#steady(async () => {
      const address = `/v1/requests/${environment}`;
      const { items } = this.#expect(200, await this.#cloud.api('GET', `${address}?limit=100&artifact=${artifact}`, { as: 'dev' }));
      const left = items.find(({ spec }: Answer['body']) => spec.target.name === artifact && spec.target.version === version);
      const body =
        left ?? this.#expect(201, await this.#cloud.api('POST', address, { as: 'dev', body: bodyOf(version, { name: artifact }) }));
      const full = this.#expect(200, await this.#cloud.api('GET', `${address}/${body.metadata.id}`, { as: 'dev' }));
      const known = { path: `${address}/${body.metadata.id}`, version, environment, planHash: full.status.planHash, approved: [] };
      this.journal.push(known);
      return known;
    });
  }

  /** Follows a request to its end, deciding when it asks. */
  async #decide(known: Known): Promise<string> {
    const roll = Math.floor(this.#dice.next() * 10);
    const verdict = roll < REJECTED ? 'reject' : roll < REJECTED + CANCELLED ? 'cancel' : 'approve';
    for (const limit = performance.now() + LIMIT_MS; ; await sleep(PAUSE_MS)) {
      const { status } = await this.#steady(async () => this.#expect(200, await this.#cloud.api('GET', known.path, { as: 'dev' })));
      if (isFinal(status.phase)) {
        known.end = status.phase as string;
        return known.end;
      }
      // People decide because they were asked.
      if (status.phase === 'pending_approval' && (await this.#steady(() => this.#wereAsked(known))))
        await this.#steady(() => this.#send(known, verdict));
      if (performance.now() > limit) throw new Error(`${known.path} is still ${status.phase}`);
    }
  }

  async #wereAsked({ path, environment }: Known): Promise<boolean> {
    const mails = (await this.#cloud.mails()).filter(({ subject, text }) => subject.includes(idOf(path)) && LINK.test(text));
    return ASKED[environment]!.every((person) => mails.some(({ to }) => to.includes(`${person}@example.com`)));
  }

  async #send(known: Known, verdict: string): Promise<void> {
    const approvers = APPROVERS[known.environment]!;
    if (verdict === 'cancel') {
      // Already cancelled, but not answered: 409.
      const answer = await this.#cloud.api('POST', `${known.path}/cancel`, { as: 'dev', body: {} });
      if (answer.status !== 409) this.#expect(200, answer);
      return;
    }
    if (verdict === 'reject') {
      this.#expect(
        200,
        await this.#cloud.api('POST', `${known.path}/reject`, { as: approvers[0]!, body: { reason: 'not this time, thank you' } }),
      );
      return;
    }
    for (const as of approvers) {
      if (known.approved.includes(as)) continue;
      this.#expect(200, await this.#cloud.api('POST', `${known.path}/approve`, { as, body: {} }));
      known.approved.push(as);
    }
  }

  #expect(status: number, answer: Answer): Answer['body'] {
    if (answer.status === status) return answer.body;
    // A stop in the middle of a call is the gateway's 5xx; it may be repeated like a cut connection.
    if (answer.status >= 500) throw new Unanswered(answer.text);
    throw new Error(`expected ${status}, was answered ${answer.status}: ${answer.text}`);
  }

  /** Repeats what a dead process did not answer. */
  async #steady<Value>(act: () => Promise<Value>): Promise<Value> {
    for (const limit = performance.now() + LIMIT_MS; ; await sleep(PAUSE_MS)) {
      try {
        return await act();
      } catch (error) {
        const isCut =
          error instanceof Unanswered ||
          (error instanceof TypeError && error.cause !== undefined) ||
          // Whoever signs in meets a dead issuer.
          (error instanceof CommandFailure && error.exitCode === EXIT.unavailable) ||
          (error as Error).name === 'TimeoutError';
        if (!isCut || performance.now() > limit) throw error;
      }
    }
  }
}

class Unanswered extends Error {}
