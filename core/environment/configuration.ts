/** The configuration in force, normalized. `configuration-file.ts` makes it from YAML; nothing else reads YAML. */
import type { Role } from '../access/verb.ts';
import type { ConfiguredStage } from '../approval/stage.ts';
import type { GateDefinition } from '../gate/definition.ts';
import type { LifecycleConfiguration } from '../lifecycle/lifecycle.ts';
import type { PromotionPolicy } from '../policy/promotion-policy.ts';
import type { TargetType } from '../promotion/promotion.ts';
import type { VersionScheme } from '../registry/constraint.ts';
import type { RequiredRegistries } from '../registry/target.ts';
import type { RetentionConfiguration } from '../retention/configuration.ts';
import type { ConfiguredConsumer } from '../rollout/consumer.ts';
import type { RouteSplit } from '../rollout/route.ts';
import type { WindowConfiguration } from './window.ts';

/** A reference to a value kept elsewhere: `ssm:/name` or `secret:name`. Secrets never stand in the configuration. */
export type Reference = string;

export interface RegistryConfiguration {
  name: string;
  /** ECR: the account that owns it; its origin comes with the token. */
  account?: string;
  region?: string;
  /** Any other OCI registry: its origin, e.g. `https://harbor.example.com`. */
  origin?: string;
  /** Namespace before the repository name, without slashes at its ends. */
  prefix: string;
  /** Secret with `{username, password}` for a registry that is not ECR. */
  credentials?: Reference;
}

export interface ClusterConfiguration {
  name: string;
  /** `platform_managed`: EKS by name. `external_managed`: a kubeconfig in a secret. */
  kind: 'platform_managed' | 'external_managed';
  eksName?: string;
  kubeconfig?: Reference;
}

export interface SmokeCheck {
  name: string;
  path: string;
  status: number;
  /** The JSON body must hold these members with these values; `null` means "present and not null". */
  json?: Record<string, string | number | boolean | null>;
  /** The body must contain this text. */
  contains?: string;
  /** Secret sent as bearer token. */
  bearer?: Reference;
}

/** What a metrics service must have measured of the new version when a step has baked. */
export interface MetricCheck {
  name: string;
  /** Origin of a Prometheus-compatible service, or a reference to one. */
  prometheus: string;
  /** PromQL that answers one number; `{{updated}}`, `{{namespace}}`, `{{window}}` … are filled in. */
  query: string;
  max?: number;
  min?: number;
  /** How many samples the value must rest on. */
  samples?: { query: string; atLeast: number };
  /** Secret sent as bearer token. */
  bearer?: Reference;
}

export interface WorkloadConfiguration {
  /** Base name of the Deployments `<name>-stable` and `<name>-canary` and name of the Service. */
  name: string;
  container: string;
  replicas: number;
  smoke: SmokeCheck[];
  /** Judged after the bake of each canary step; absent: none. */
  metrics?: MetricCheck[];
  /** Where smoke checks go; absent: the address of the Service's load balancer. */
  smokeOrigin?: string;
  /** Names of the route and of the Services behind it that are not the usual ones. */
  gateway?: Partial<RouteSplit>;
}

export interface ArtifactConfiguration {
  /** `*` is the default for names that have no entry. */
  name: string;
  tenant: string;
  type?: TargetType;
  /** Groups artifacts in inboxes; absent: the tenant. */
  project?: string;
  /** Absent: semver. */
  versionScheme?: VersionScheme;
  workload?: WorkloadConfiguration;
}

export interface JobConfiguration {
  /** Address of the template's launch, or where it is kept. */
  launchUrl: string;
  token?: Reference;
  /** What its callback is signed with. */
  secret?: Reference;
  timeoutSeconds: number;
}

export interface RolloutConfiguration {
  strategy: 'direct' | 'canary' | 'job';
  /** The AWX job that makes the rollout. */
  job?: JobConfiguration;
  /** What makes a weight of a canary: the weights of a Gateway API route; absent: whole pods. */
  provider?: 'gateway';
  weights: number[];
  bakeSeconds: number;
  /** Whether the workload's smoke checks judge each step; readiness and the digest of the pods always do. */
  smoke: boolean;
}

export interface EnvironmentConfiguration {
  name: string;
  tier: 'standard' | 'production';
  /** The first is the primary: what the environment's workloads pull from. */
  registries: string[];
  requireRegistries: RequiredRegistries;
  cluster?: string;
  namespace: string;
  gates: string[];
  approvals: ConfiguredStage[];
  approvalTimeoutSeconds: number;
  approvalValidSeconds: number;
  /** Pause between the last approval and the rollout. */
  waitSeconds: number;
  /** When promotions may begin or go on; none: always. */
  windows: WindowConfiguration[];
  /** Whether a new request of an artifact ends its older ones that have not begun. */
  supersede: boolean;
  reminders: ReminderConfiguration;
  breakGlass: BreakGlassConfiguration;
  rollout: RolloutConfiguration;
  rollback: RollbackConfiguration;
  execute: 'auto' | 'manual';
  preview: 'optional' | 'required';
  claims: 'asserted' | 'verified';
  /** Whether the e-mail link alone may decide here. Never for production. */
  linkMayDecide: boolean;
  /** Whether a click in Slack may decide here. For production only when the file says so and pins app and workspace. */
  slackMayDecide: boolean;
}

/** How an environment returns to an earlier version on request. What fails during a rollout returns by itself, whatever stands here. */
export interface RollbackConfiguration {
  /** Stages that a rollback needs; those that hold for other kinds only are left out of its plan. */
  approvals: ConfiguredStage[];
  approvalTimeoutSeconds: number;
  gates: string[];
  rollout: RolloutConfiguration;
  /** So long after a promotion succeeded its checks are repeated, and two failures in a row take it back. Absent: only people take it back. */
  watchAfterSeconds?: number;
}

/** How people are reminded of approvals that they have not given. */
export interface ReminderConfiguration {
  afterSeconds: number;
  everySeconds: number;
  /** Reminders of one person for one stage of a request at most: 0 is none. */
  most: number;
  /** When somebody else hears of it, once. */
  escalateAfterSeconds: number;
  /** Team that hears of it; absent: who holds the verb "admin" in the tenant. */
  escalateTo?: string;
}

/** How long a waiver lets a failed gate pass, and how soon it has to be reviewed. */
export interface BreakGlassConfiguration {
  waiverSeconds: number;
  reviewSeconds: number;
}

/** A service that decides by rules of its own, over signed messages. */
export interface AutomatedApproverConfiguration {
  name: string;
  /** Address or a reference to one. */
  url: string;
  /** Secret of the signatures in both directions. */
  secret: Reference;
}

export interface PersonConfiguration {
  subject: string;
  email: string;
  name: string;
  tenants: string[];
  roles: string[];
  /** Environments of the roles that do not hold everywhere. */
  roleEnvironments?: Record<string, string[]>;
  teams: string[];
  disabled: boolean;
  /** Member id in Slack, e.g. `U012AB3CD`: whose clicks count as this person's. Kept by who edits the file, never taken from a name or address. */
  slack?: string;
  /** Subject of the person who answers for it: then this is a machine with an account at the issuer of people. */
  owner?: string;
}

export interface SlackConfiguration {
  /** Secret that holds the incoming webhook URL. */
  webhook?: Reference;
  channel?: string;
  /** Id of the Slack app whose clicks count; absent: any that knows the signing secret. */
  appId?: string;
  /** Ids of the workspaces whose clicks count; empty: any, as long as the person who clicks is of the same one. */
  teamIds: string[];
  /** Secret that holds a bot token: then Slack is asked whether the person who clicks is a full member. */
  botToken?: Reference;
}

/** Jobs of a build system, found by the claims of the tokens that it signs for them. */
export interface CiPrincipalConfiguration {
  name: string;
  issuer: string;
  audience: string;
  /** Claim → its allowed values. Every claim must have one of them. */
  claims: Record<string, string[]>;
  tenants: string[];
  roles: string[];
  roleEnvironments?: Record<string, string[]>;
  /** Subject of the person who answers for it. */
  owner: string;
}

export type NotificationChannel = 'email' | 'slack' | 'webhooks';

/** What the file says about an event: entries are read together, each for itself. */
export interface NotificationRoute {
  /** Name of the event, a family such as `gc.*`, or `*`. */
  event: string;
  /** Absent: everywhere. */
  environments?: string[];
  /** Absent: all of them. */
  channels?: NotificationChannel[];
  severity?: 'info' | 'warning' | 'critical';
  /** Who hears of it besides those whom the rules name (the page address only, never a link with a token): addresses, `@team`, `@person`. */
  recipients: string[];
}

/** A receiver of signed events of every tenant. */
export interface ConfiguredWebhook {
  name: string;
  /** Address or a reference to one. */
  url: string;
  secret: Reference;
  events: string[];
  environments?: string[];
  severity?: 'info' | 'warning' | 'critical';
}

export interface NotificationConfiguration {
  from: string;
  /** False: no mail but what asks somebody for something. */
  mail?: false;
  /** Absent when Slack is not configured, or switched off. */
  slack?: SlackConfiguration;
  webhooks: ConfiguredWebhook[];
  routes: NotificationRoute[];
}

export interface Configuration {
  /** Hash of the file's meaning: `sha256:<hex>`. */
  hash: string;
  /** OIDC issuer of people. */
  issuer: string;
  path: string[];
  environments: Record<string, EnvironmentConfiguration>;
  registries: Record<string, RegistryConfiguration>;
  clusters: Record<string, ClusterConfiguration>;
  artifacts: Record<string, ArtifactConfiguration>;
  /** Products that build on an artifact, by its name. */
  consumers: Record<string, ConfiguredConsumer[]>;
  gates: Record<string, GateDefinition>;
  roles: Record<string, Role>;
  teams: string[];
  people: PersonConfiguration[];
  ci: CiPrincipalConfiguration[];
  automatedApprovers: Record<string, AutomatedApproverConfiguration>;
  /** What is asked for without a person; absent: nothing. */
  policies?: PromotionPolicy[];
  /** Absent: nothing is ever deleted. */
  retention?: RetentionConfiguration;
  lifecycle: LifecycleConfiguration;
  notifications: NotificationConfiguration;
}

/** The entry of an artifact, or the default entry, or nothing: then the artifact is unknown. */
export function artifactOf(configuration: Configuration, name: string): ArtifactConfiguration | undefined {
  if (Object.hasOwn(configuration.artifacts, name)) return configuration.artifacts[name];
  const fallback = configuration.artifacts['*'];
  if (!fallback) return undefined;
  const { workload: _none, ...rest } = fallback;
  return { ...rest, name };
}

/** Every tenant that the configuration names. */
export function tenantsOf(configuration: Configuration): string[] {
  const named = [
    ...Object.values(configuration.artifacts).map((artifact) => artifact.tenant),
    ...[...configuration.people, ...configuration.ci].flatMap(({ tenants }) => tenants),
  ];
  return [...new Set(named)].sort();
}

/** The environment before `name` on the path; undefined for the first. */
export function environmentBefore(configuration: Configuration, name: string): string | undefined {
  const index = configuration.path.indexOf(name);
  return index > 0 ? configuration.path[index - 1] : undefined;
}
