/**
 * What one promotion costs on AWS: state transitions are counted by walking the deployed definition, the rest is list price times what the code does.
 * List prices of us-east-1, 2026 (the pricing pages of each service): Step Functions Standard $25 per million transitions; Lambda on Arm
 * $0.0000133334 per GB-second and $0.20 per million requests; DynamoDB on demand $0.625 per million write units and $0.125 per million read units;
 * HTTP API $1 per million calls; SES $0.10 per thousand mails; S3 $5 per million PUTs; KMS $0.03 per ten thousand requests.
 */
import { type Benchmark, informing, limited } from './figure.ts';
import { type Script, type Walk, walkPromotion } from './walk-promotion.ts';

/** Limits of the project for the bill's largest part. */
export const MOST_TRANSITIONS = 14;
export const MOST_TRANSITIONS_PER_STEP = 3;

const DOLLARS_PER_TRANSITION = 25 / 1e6;

/** Answers of the functions on the way to a promotion: `steps` canary steps that each bake, 0: one direct step, undefined: no workload. */
export function promotionScript(steps: number | undefined): Script {
  const bakes = Array.from({ length: steps ?? 0 }, () => ({ next: 'bake', bakeSeconds: 5 }));
  return {
    'settle-gates': [{ next: 'approval' }],
    begin: [{ next: 'copy' }],
    copy: [{ next: 'tag' }],
    tag: [{ next: steps === undefined ? 'finish' : 'roll-out' }],
    'roll-out': [...bakes, { next: 'finish' }],
    finish: [{ next: 'end' }],
  };
}

/** Dollars of everything but Step Functions, for one promotion with three gates, two approvers and their mails. */
function otherCosts(walk: Walk): number {
  // One commit: head (at most 4 KB), outbox line, history line, wake or notice: 4 + 1 + 1 + 1 write units, twice as much inside a transaction.
  const unitsPerCommit = 14;
  // requested, gates started and finished (3), approval requested, two decisions, approved, started, copied, tagged, each step, finished.
  const commits = 12 + walk.calls.filter((call) => call.task === 'roll-out').length;
  // Four rows of a commit are later deleted or sealed: one write unit each; tokens, links and idempotency rows come to about ten more.
  const writes = commits * (unitsPerCommit + 4) + 10;
  // Strongly consistent reads of a head: one unit per 4 KB; each task and each call of the API reads about six rows.
  const apiCalls = 1 + 2 * 2;
  const reads = 6 * (walk.calls.length + apiCalls);
  // Tasks of the machine, API calls, wake + deliver + seal per commit at most once each: 0.25 s at 512 MB on average.
  const invocations = walk.calls.length + apiCalls + 3 * commits;
  const lambda = invocations * (0.2 / 1e6 + 0.25 * 0.5 * 0.0000133334);
  const dynamodb = (writes * 0.625 + reads * 0.125) / 1e6;
  // Two approvers and the requester: asked, decided, ended.
  const mail = 6 * (0.1 / 1e3);
  // One sealed batch and one checkpoint per commit at the worst; links and signatures.
  const log = (2 * commits * 5) / 1e6 + ((commits + 8) * 0.03) / 1e4;
  return lambda + dynamodb + mail + log + apiCalls / 1e6;
}

/** `npm run bench -- cost`. */
export async function cost(): Promise<Benchmark> {
  const copied = await walkPromotion(promotionScript(undefined));
  const direct = await walkPromotion(promotionScript(0));
  const canary = await walkPromotion(promotionScript(3));
  for (const walk of [copied, direct, canary]) {
    if (walk.status !== 'SUCCEEDED') throw new Error(`the walk ended ${walk.status}: ${walk.states.join(' > ')}`);
  }
  const perStep = (canary.transitions - direct.transitions) / 3;
  const dollars = (walk: Walk) => walk.transitions * DOLLARS_PER_TRANSITION;
  return {
    name: 'cost',
    figures: [
      informing('transitions of a promotion without workload', copied.transitions, 'transitions'),
      limited('transitions of a promotion without canary', direct.transitions, 'transitions', "the project's limit", MOST_TRANSITIONS),
      limited('transitions of each canary step', perStep, 'transitions', "the project's limit", MOST_TRANSITIONS_PER_STEP),
      informing('transitions of a canary 10/50/100', canary.transitions, 'transitions'),
      informing('Step Functions, promotion without canary', dollars(direct), 'USD'),
      informing('Step Functions, canary 10/50/100', dollars(canary), 'USD'),
      informing('everything else, promotion without canary', otherCosts(direct), 'USD'),
      informing('everything else, canary 10/50/100', otherCosts(canary), 'USD'),
    ],
  };
}
