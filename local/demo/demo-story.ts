/** The demo itself: a good version goes from dev to prod, a bad one is rolled back by itself, and the log proves both. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { greenlightJson } from './command-line.ts';
import { DemoApi, type DemoRequest } from './demo-api.ts';
import { checkWorkload, compareRegistries, type PushedImage } from './demo-checks.ts';
import type { DemoCloud } from './demo-cloud.ts';
import { verifyLogOffline } from './demo-log.ts';
import { type DemoRecord, expect, type TimelineEntry } from './demo-record.ts';
import { approveByMail } from './mailed-link.ts';
import { buildPaymentImage } from './payment-image.ts';
import { attachSbom, pushImage, signImage } from './push-image.ts';
import { WORKLOAD } from './workload.ts';

const GOOD = '1.1.0';
const BAD = '1.2.0';

interface Place {
  artifact: string;
  current: { version: string; digest: string } | null;
  health: string;
  rolledBack?: { version: string };
}

/** Tells the whole story; throws at the first step that does not do what it should. `folder` takes the copy of the log. */
export async function tellStory(record: DemoRecord, cloud: DemoCloud, folder: string): Promise<void> {
  const story = new Story(record, cloud);
  await story.signIn();

  record.chapter(`${WORKLOAD} ${GOOD}, a good version`);
  const good = await story.push(GOOD, 'true');
  await story.toStaging(GOOD, good);
  const promoted = await story.toProd(GOOD, good);
  await record.step('the rollout succeeds', async () => {
    const end = await story.developer.until(promoted, 'succeeded');
    story.tell(end);
    const weights = stepsOf(end).map(({ step, status, achievedWeight }) => `${step} ${status} (${achievedWeight ?? '?'} %)`);
    expect(weights.length === 3 && stepsOf(end).every(({ status }) => status === 'done'), `unexpected steps: ${weights.join(', ')}`);
    return { value: undefined, detail: weights.join(', ') };
  });
  const { endpoints } = cloud;
  await record.step('prod holds the same bytes', async () => ({
    value: undefined,
    detail: await compareRegistries(endpoints, good, GOOD),
  }));
  await record.step('prod runs the digest', async () => ({
    value: undefined,
    detail: await checkWorkload(endpoints, 'prod', good.digest, GOOD),
  }));
  await story.expectProd(GOOD, good.digest, 'healthy');

  record.chapter(`${WORKLOAD} ${BAD}, healthy only while few use it`);
  const bad = await story.push(BAD, 'after-50');
  await story.toStaging(BAD, bad);
  const doomed = await story.toProd(BAD, bad);
  await record.step('the rollout is undone at 50 %', async () => {
    const end = await story.developer.until(doomed, 'rolled_back');
    story.tell(end);
    const seen = stepsOf(end)
      .map(({ step, status }) => `${step} ${status}`)
      .join(', ');
    expect(seen === 'canary:10 done, canary:50 aborted', `unexpected steps: ${seen}`);
    return { value: undefined, detail: `${seen}; ${end.status.failure?.message ?? 'no reason was given'}` };
  });
  await record.step('prod runs the good version again', async () => ({
    value: undefined,
    detail: await checkWorkload(endpoints, 'prod', good.digest, GOOD),
  }));
  await story.expectProd(GOOD, good.digest, undefined, BAD);

  record.chapter('The proof');
  await record.step('people were told', () => story.countNotices());
  await record.step('the log verifies without the cloud', async () => {
    const verdict = await verifyLogOffline(endpoints, join(folder, 'log'));
    expect(verdict.size >= story.events, `the log proves ${verdict.size} events, the requests show ${story.events}`);
    return { value: verdict, detail: `${verdict.size} events under the signed root ${verdict.root.slice(0, 16)}…` };
  });
}

class Story {
  developer!: DemoApi;
  /** Transitions that the requests show. */
  events = 0;
  #reviewer!: DemoApi;
  #approvers!: { address: string; api: DemoApi }[];
  readonly #record: DemoRecord;
  readonly #cloud: DemoCloud;

  constructor(record: DemoRecord, cloud: DemoCloud) {
    this.#record = record;
    this.#cloud = cloud;
  }

  async signIn(): Promise<void> {
    const { dataFolder, endpoints } = this.#cloud;
    await this.#record.step('people sign in at the issuer', async () => {
      const signIn = (person: string) => DemoApi.signIn(endpoints.api, dataFolder, person);
      this.developer = await signIn('dev@example.com');
      this.#reviewer = await signIn('cpi@example.com');
      this.#approvers = [];
      for (const address of ['lead@example.com', 'security@example.com']) this.#approvers.push({ address, api: await signIn(address) });
      return { value: undefined, detail: 'dev, cpi, lead and security' };
    });
  }

  async push(version: string, healthy: string): Promise<PushedImage> {
    const { endpoints } = this.#cloud;
    return this.#record.step(`pushes ${WORKLOAD}:${version} to the dev registry`, async () => {
      const to = { address: endpoints.registries.dev, name: WORKLOAD };
      const image = await buildPaymentImage(version, healthy);
      await pushImage(to, image, [version]);
      const signatureTag = await signImage(to, image.digest, readFileSync(endpoints.signing.privateKey, 'utf8'));
      const sbomDigest = await attachSbom(to, image, WORKLOAD, version);
      const manifests = image.manifests.map(({ descriptor }) => descriptor.digest);
      const detail = `${image.digest.slice(0, 19)}, ${manifests.length} platforms, signed, with an SBOM`;
      return { value: { digest: image.digest, manifests, signatureTag, sbomDigest }, detail };
    });
  }

  async toStaging(version: string, image: PushedImage): Promise<void> {
    const request = await this.#request(version, 'staging', image);
    await this.#record.step('a reviewer approves over REST', async () => {
      const { metadata, status } = request;
      await this.#reviewer.post(`/v1/requests/staging/${metadata.id}/approve`, { planHash: (status as { planHash?: string }).planHash });
      const end = await this.developer.until(request, 'succeeded');
      this.tell(end);
      return { value: undefined, detail: `${metadata.id} is in staging` };
    });
  }

  /** Answers the approved request. */
  async toProd(version: string, image: PushedImage): Promise<DemoRequest> {
    const request = await this.#request(version, 'prod', image);
    for (const { address, api } of this.#approvers) {
      await this.#record.step(`${address} approves by the mailed link`, async () => {
        const typed = await approveByMail(this.#cloud.endpoints.mail, address, request.metadata.id, api);
        return { value: undefined, detail: `typed "${typed}"` };
      });
    }
    return request;
  }

  /** Requested with the command line, which waits for the gates. */
  #request(version: string, environment: string, image: PushedImage): Promise<DemoRequest> {
    return this.#record.step(`requests ${version} for ${environment}`, async () => {
      const shared = ['--data', this.#cloud.dataFolder, '--as', 'dev@example.com', '--artifact', WORKLOAD];
      const request = await greenlightJson<DemoRequest>(['promote', version, environment, ...shared]);
      const gates = request.status.gates.map(({ name, status }) => `${name} ${status}`).join(', ');
      expect(request.status.digest === image.digest, `${request.metadata.id} is about ${request.status.digest}`);
      expect(request.status.phase === 'pending_approval', `${request.metadata.id} is ${request.status.phase}; gates: ${gates}`);
      return { value: request, detail: `${request.metadata.id}; gates: ${gates}` };
    });
  }

  expectProd(version: string, digest: string, health: string | undefined, rolledBack?: string): Promise<void> {
    return this.#record.step('the environment says so', async () => {
      const { artifacts } = await this.developer.get<{ artifacts: Place[] }>('/v1/environments/prod');
      const place = artifacts.find(({ artifact }) => artifact === WORKLOAD);
      expect(place?.current?.version === version && place.current.digest === digest, `prod is said to hold ${place?.current?.version}`);
      expect(health === undefined || place.health === health, `prod is said to be ${place.health}`);
      expect(rolledBack === undefined || place.rolledBack?.version === rolledBack, `${rolledBack} is not said to be rolled back`);
      return { value: undefined, detail: `prod: ${version}${rolledBack === undefined ? '' : `, rolled back from ${rolledBack}`}` };
    });
  }

  async countNotices(): Promise<{ value: undefined; detail: string }> {
    const { mail, slack } = this.#cloud.endpoints;
    const count = async (address: string) => ((await (await fetch(address)).json()) as unknown[]).length;
    const [mails, messages] = [await count(`${mail}/inbox`), await count(`${slack}/messages`)];
    expect(mails > 0 && messages > 0, `${mails} mails, ${messages} Slack messages`);
    return { value: undefined, detail: `${mails} mails, ${messages} Slack messages` };
  }

  /** What happened to a request: its history, with the weights that were measured. */
  tell(request: DemoRequest): void {
    const { history } = request.status;
    this.events += history.length;
    const events: Omit<TimelineEntry, 'request'>[] = history
      .filter(({ action }) => action !== 'rollout_step')
      .map(({ action, at, by }) => ({
        at,
        event: `${action.replaceAll('_', ' ')} (${by})`,
      }));
    for (const { step, status, startedAt, achievedWeight } of stepsOf(request)) {
      events.push({ at: startedAt, event: `${step} ${status}${achievedWeight === undefined ? '' : `, measured ${achievedWeight} %`}` });
    }
    events.sort((left, right) => left.at.localeCompare(right.at));
    this.#record.tell(request.metadata.id, events);
  }
}

function stepsOf({ status }: DemoRequest) {
  return status.rollout?.steps ?? [];
}
