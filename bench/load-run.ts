/**
 * Many clients at once: each asks for a promotion, waits for its gates, and has it approved by two people. Of ten operations two are wrong and one is
 * sent twice. What was answered is written down, so that it can be checked afterwards what became of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from './dice.ts';
import { INVALID_OPERATIONS, type Place, RECORDED } from './invalid-operations.ts';
import { type Answer, LoadClient, type Sent } from './load-client.ts';
import { APPROVERS, ENVIRONMENT, type LoadCloud, type Person, VERSION } from './load-cloud.ts';

export interface LoadSize {
  clients: number;
  promotions: number;
}

/** What a client knows of a promotion because it was answered. */
export interface Known {
  path: string;
  /** Stands in its texts and nowhere else. */
  marker: string;
  /** Who was told that the approval counts. */
  approvedBy: Person[];
  /** How often the requester tried to approve. */
  selfApprovals: number;
}

export interface LoadRun {
  journal: Known[];
  seconds: number;
  operations: { valid: number; duplicate: number; invalid: number; reads: number };
  /** Answers of 5xx, and connections that ended without one. */
  failures: string[];
  /** Answers that are not the one that is right. */
  wrong: string[];
  /** Milliseconds by kind of operation, sorted. */
  took: ReadonlyMap<string, readonly number[]>;
}

const INVALID_SHARE = 0.2;
const DUPLICATE_SHARE = 0.1;
const REQUESTS = `/v1/requests/${ENVIRONMENT}`;
/** Shortest pause between two looks whether the gates are done. */
const LOOK_MS = 1_000;
/** A write that failed is repeated under its key so often. */
const MOST_TRIES = 20;
const REPORT_MS = 10_000;

export async function runLoad(cloud: LoadCloud, size: LoadSize, dice: Dice, say: (line: string) => void): Promise<LoadRun> {
  const client = new LoadClient(cloud.endpoints.api, cloud.tokens, size.clients);
  const run: LoadRun = {
    journal: [],
    seconds: 0,
    operations: { valid: 0, duplicate: 0, invalid: 0, reads: 0 },
    failures: [],
    wrong: [],
    took: client.took,
  };
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < size.promotions) {
      const number = next++;
      await new LoadPromotion(cloud, client, run, dice.fork(number), number).go();
      done++;
    }
  };
  const report = setInterval(() => {
    const { valid, duplicate, invalid, reads } = run.operations;
    const rate = ((valid + duplicate + invalid + reads) / seconds()).toFixed(1);
    const trouble = `${run.failures.length} answers of 5xx, ${run.wrong.length} wrong`;
    say(`${done} of ${size.promotions} approved after ${seconds().toFixed(0)} s, ${rate} requests/s, ${trouble}`);
  }, REPORT_MS);
  try {
    await Promise.all(Array.from({ length: size.clients }, work));
  } finally {
    clearInterval(report);
    client.close();
  }
  run.seconds = seconds();
  for (const times of client.took.values()) times.sort((left, right) => left - right);
  return run;
}

/** One promotion from its request to its second approval, with everything that is done wrong or twice on the way. */
class LoadPromotion {
  /** How long the gates of the others took lately: who looks before that only makes everybody wait longer. */
  static gatesMs = LOOK_MS;
  readonly #client: LoadClient;
  readonly #run: LoadRun;
  readonly #dice: Dice;
  readonly #marker: string;
  readonly #place: Place;
  readonly #known: Known;

  constructor(cloud: LoadCloud, client: LoadClient, run: LoadRun, dice: Dice, number: number) {
    this.#client = client;
    this.#run = run;
    this.#dice = dice;
    this.#marker = `load-${dice.seed}-${number}`;
    const [first, second, late] = dice.draw(APPROVERS, 3) as [Person, Person, Person];
    const create = bodyOf(dice.pick(cloud.artifacts), this.#marker);
    this.#place = { stage: 'new', create, createKey: `create-${this.#marker}`, approvers: [first, second], late };
    this.#known = { path: '', marker: this.#marker, approvedBy: [], selfApprovals: 0 };
  }

  async go(): Promise<void> {
    const created = await this.#valid(
      'create',
      { method: 'POST', path: REQUESTS, as: 'dev', body: JSON.stringify(this.#place.create) },
      { status: 201, key: this.#place.createKey },
    );
    if (!created) return;
    this.#known.path = this.#place.path = `${REQUESTS}/${created.body.metadata.id}`;
    this.#run.journal.push(this.#known);
    if (!(await this.#untilPending())) return;
    this.#place.stage = 'pending';
    const [first, second] = this.#place.approvers;
    if (this.#dice.next() < 0.5) {
      // Both at the same moment: each reads a request that the other is about to change.
      await Promise.all([this.#approve(first), this.#approve(second)]);
    } else {
      await this.#approve(first);
      this.#place.stage = 'half';
      await this.#approve(second);
    }
    this.#place.stage = 'approved';
    await this.#mistakes();
  }

  async #approve(person: Person): Promise<void> {
    const sent: Sent = { method: 'POST', path: `${this.#known.path}/approve`, as: person, body: '{}' };
    // Without a key it is the rule that knows the same decision of the same person.
    const key = this.#dice.next() < 0.5 ? `approve-${this.#marker}` : undefined;
    const answer = await this.#valid('approve', sent, { status: 200, ...(key !== undefined && { key }) });
    if (answer) this.#known.approvedBy.push(person);
  }

  /** Something right, after whatever the dice put before it, and as often at once or one after the other as they say. */
  async #valid(kind: string, sent: Sent, { status, key }: { status: number; key?: string }): Promise<Answer | undefined> {
    const repeats = await this.#mistakes();
    const again = key === undefined ? sent : { ...sent, headers: { 'idempotency-key': key } };
    const atOnce = repeats > 0 && this.#dice.next() < 0.5;
    this.#run.operations.valid++;
    this.#run.operations.duplicate += repeats;
    const copies = atOnce ? Array.from({ length: repeats }, () => this.#client.send(kind, again)) : [];
    let answer = await this.#client.send(kind, again);
    for (let tries = 1; answer.status !== status && tries < MOST_TRIES; tries++) {
      // The copy was faster and is at work: the key says to come back.
      const isCopy = copies.length > 0 && key !== undefined && isInProgress(answer);
      if (!isCopy && !this.#isFailure(kind, answer)) break;
      await sleep(1_000);
      answer = await this.#client.send(kind, again);
    }
    const first = this.#expect(kind, answer, status) ? answer : undefined;
    for (const copy of await Promise.all(copies)) this.#expectSame(kind, copy, first, status, key);
    for (let repeat = 0; !atOnce && repeat < repeats; repeat++) {
      this.#expectSame(kind, await this.#client.send(kind, again), first, status, key);
    }
    return first;
  }

  /** Does wrong things until the dice want something right; answers how often that is to be repeated. */
  async #mistakes(): Promise<number> {
    for (let repeats = 0; ; ) {
      const roll = this.#dice.next();
      if (roll < INVALID_SHARE) await this.#mistake();
      else if (roll < INVALID_SHARE + DUPLICATE_SHARE && this.#place.stage !== 'approved') repeats++;
      else return repeats;
    }
  }

  async #mistake(): Promise<void> {
    const { stage } = this.#place;
    const { name, status, code, send } = this.#dice.pick(INVALID_OPERATIONS.filter(({ when }) => when.includes(stage)));
    this.#run.operations.invalid++;
    if (code === RECORDED) this.#known.selfApprovals++;
    const answer = await this.#client.send('invalid', send(this.#place));
    if (this.#isFailure(name, answer)) return;
    const { body, headers } = answer;
    const isProblem = /^application\/problem\+json/.test(String(headers['content-type'])) && typeof body?.requestId === 'string';
    if (answer.status !== status || body?.code !== code || body.status !== status || !isProblem) {
      this.#run.wrong.push(`${name} (${stage}): expected ${status} ${code}, was answered ${answer.status} ${answer.text.slice(0, 300)}`);
    }
  }

  /** A copy gets the answer of the first, or is told that the first still runs. */
  #expectSame(kind: string, copy: Answer, first: Answer | undefined, status: number, key: string | undefined): void {
    if (key !== undefined && isInProgress(copy)) return;
    if (!this.#expect(`${kind}, again`, copy, status) || !first) return;
    const isSame = key === undefined ? copy.body.metadata.id === first.body.metadata.id : copy.text === first.text;
    if (!isSame) this.#run.wrong.push(`${kind}, again: another answer than the first time: ${copy.text.slice(0, 300)}`);
  }

  async #untilPending(): Promise<boolean> {
    const began = performance.now();
    const waited = () => performance.now() - began;
    for (let pause = LoadPromotion.gatesMs; ; pause = Math.max(LoadPromotion.gatesMs / 4, waited() / 2)) {
      await sleep(Math.max(LOOK_MS, pause));
      this.#run.operations.reads++;
      const answer = await this.#client.send('read', { method: 'GET', path: this.#known.path, as: 'dev' });
      if (this.#isFailure('read', answer)) continue;
      if (!this.#expect('read', answer, 200)) return false;
      const { phase } = answer.body.status;
      if (phase === 'pending_approval') {
        LoadPromotion.gatesMs += (waited() - LoadPromotion.gatesMs) / 16;
        return true;
      }
      if (phase !== 'requested' && phase !== 'validating') {
        this.#run.wrong.push(`${this.#known.path} is ${phase}: ${JSON.stringify(answer.body.status.gates)}`);
        return false;
      }
    }
  }

  #expect(kind: string, answer: Answer, status: number): boolean {
    if (answer.status === status) return true;
    if (!this.#isFailure(kind, answer)) {
      this.#run.wrong.push(`${kind}: expected ${status}, was answered ${answer.status} ${answer.text.slice(0, 300)}`);
    }
    return false;
  }

  #isFailure(kind: string, { status, text }: Answer): boolean {
    if (status !== 0 && status < 500) return false;
    this.#run.failures.push(`${kind}: ${status} ${text.slice(0, 300)}`);
    return true;
  }
}

function isInProgress({ status, body, headers }: Answer): boolean {
  return status === 409 && body?.code === 'IN_PROGRESS' && Number(headers['retry-after']) >= 1;
}

/** What asks for a promotion of an artifact; the marker stands in its justification. */
export function bodyOf(artifact: string, marker: string): Record<string, unknown> {
  return {
    target: { type: 'api', name: artifact, version: VERSION },
    request: {
      justification: `Customers wait for the new payment methods (${marker})`,
      releaseNotes: 'New payment methods',
      impactAssessment: 'medium',
      rollbackPlan: 'Promote the version before',
    },
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/builds/1',
    },
  };
}

/** The time that so many of a hundred answers did not exceed. `times` is sorted. */
export function percentile(times: readonly number[], percent: number): number {
  return times[Math.min(times.length - 1, Math.ceil((times.length * percent) / 100) - 1)] ?? 0;
}
