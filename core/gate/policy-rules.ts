/** The declarative rules of a policy gate. */
import type { ArtifactFacts } from '../registry/ports.ts';
import type { PolicyGate } from './definition.ts';
import type { GateOutcome } from './gate.ts';

export interface PolicyFacts {
  artifact: ArtifactFacts;
  /** Name of the registry that the artifact comes from. */
  registry: string;
  /** What the requester says. Claims are recorded, and count only where the rules or the environment demand them. */
  claims: Record<string, boolean | string>;
  claimsMustHold: boolean;
  now: Date;
}

const DAY_MS = 86_400_000;

/** Every broken rule is named, with what to do about it. */
export function checkPolicy(rules: PolicyGate['rules'], facts: PolicyFacts): GateOutcome {
  const findings = [
    ...labelFindings(rules.requiredLabels ?? [], facts.artifact.labels),
    ...ageFindings(rules.maxAgeDays, facts),
    ...sizeFindings(rules.maxSizeBytes, facts.artifact.sizeBytes),
    ...platformFindings(rules.platforms ?? [], facts.artifact.platforms),
    ...registryFindings(rules.allowedRegistries, facts.registry),
    ...(rules.requireClaims || facts.claimsMustHold ? claimFindings(facts.claims) : []),
  ];
  if (findings.length === 0) return { status: 'passed', message: `${countOf(rules)} hold`, resolution: '' };
  return {
    status: 'failed',
    message: findings.map(({ message }) => message).join('; '),
    resolution: findings.map(({ resolution }) => resolution).join('; '),
  };
}

type Finding = Pick<GateOutcome, 'message' | 'resolution'>;

function countOf(rules: PolicyGate['rules']): string {
  const count = Object.keys(rules).length;
  return count === 0 ? 'no rule is configured; all' : count === 1 ? 'one rule was checked and does' : `all ${count} rules`;
}

/** A rule is `name` or `name=value`. Labels are written by whoever builds the image. */
function labelFindings(required: readonly string[], labels: Record<string, string>): Finding[] {
  return required.flatMap((rule) => {
    const at = rule.indexOf('=');
    const name = at < 0 ? rule : rule.slice(0, at);
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
    if (value === undefined) return [{ message: `label ${name} is missing`, resolution: `build the image with the label ${rule}` }];
    if (at < 0 || value === rule.slice(at + 1)) return [];
    return [{ message: `label ${name} has another value than the policy demands`, resolution: `build the image with the label ${rule}` }];
  });
}

function ageFindings(most: number | undefined, { artifact, now }: PolicyFacts): Finding[] {
  if (most === undefined) return [];
  const created = Date.parse(artifact.created ?? '');
  if (Number.isNaN(created)) {
    return [{ message: 'the image does not say when it was built', resolution: 'build it with a creation date' }];
  }
  const days = (now.getTime() - created) / DAY_MS;
  if (days <= most) return [];
  return [{ message: `the image is ${Math.floor(days)} days old; ${most} are allowed`, resolution: 'build and publish it again' }];
}

function sizeFindings(most: number | undefined, size: number): Finding[] {
  if (most === undefined || size <= most) return [];
  return [{ message: `the image has ${size} bytes; ${most} are allowed`, resolution: 'make the image smaller' }];
}

function platformFindings(required: readonly string[], present: readonly string[]): Finding[] {
  const missing = required.filter((platform) => !present.includes(platform));
  if (missing.length === 0) return [];
  return [{ message: `the image lacks ${missing.join(', ')}`, resolution: `build it for ${required.join(', ')}` }];
}

function registryFindings(allowed: readonly string[] | undefined, registry: string): Finding[] {
  if (allowed === undefined || allowed.includes(registry)) return [];
  return [{ message: `it comes from the registry ${registry}`, resolution: `publish it to ${allowed.join(' or ')}` }];
}

const CLAIMS = ['stagingTestsPassed', 'securityScanPassed', 'performanceTestsPassed'] as const;

function claimFindings(claims: PolicyFacts['claims']): Finding[] {
  const open = CLAIMS.filter((claim) => claims[claim] !== true);
  if (open.length === 0) return [];
  return [{ message: `the requester does not claim ${open.join(', ')}`, resolution: 'complete these checks, then edit the request' }];
}
