/** What the rollout needs of the world. */
import type { ClusterConfiguration, JobConfiguration, MetricCheck, SmokeCheck } from '../environment/configuration.ts';
import type { Named, Need, Outcome } from './connection-test.ts';
import type { JobVariables } from './job.ts';
import type { MetricAnswer } from './metric.ts';
import type { Gateway, HttpRoute, RoutePatch } from './route.ts';
import type { SmokeAnswer } from './smoke.ts';
import type { Deployment, DeploymentPatch, Pod, Service } from './workload.ts';

/**
 * One cluster's API. Calls retry what may pass (429, 5xx, no answer) and then throw UNAVAILABLE; what the cluster refuses for good (403, 404, 422)
 * is CLUSTER_REFUSED.
 */
export interface Cluster {
  deployment(namespace: string, name: string): Promise<Deployment>;
  /** Strategic merge patch under the resourceVersion that it names. Undefined when the object has changed since it was read (409). */
  patchDeployment(namespace: string, name: string, patch: DeploymentPatch): Promise<Deployment | undefined>;
  /** Deployments that have the label, whatever its value. */
  labelled(namespace: string, label: string): Promise<Deployment[]>;
  httpRoute(namespace: string, name: string): Promise<HttpRoute>;
  /** JSON merge patch under the resourceVersion that it names. Undefined when the route has changed since it was read (409). */
  patchHttpRoute(namespace: string, name: string, patch: RoutePatch): Promise<HttpRoute | undefined>;
  gateway(namespace: string, name: string): Promise<Gateway>;
  service(namespace: string, name: string): Promise<Service>;
  /** Pods that have all these labels. */
  pods(namespace: string, labels: Record<string, string>): Promise<Pod[]>;
}

export type ConnectCluster = (cluster: ClusterConfiguration) => Promise<Cluster>;

/** One cluster's API as a connection test asks it. Never throws for what the cluster answers, or does not answer. */
export interface ClusterProbe {
  /** Origin of the API server. */
  server: string;
  version(): Promise<Outcome>;
  may(need: Need): Promise<Outcome>;
  read(named: Named): Promise<Outcome>;
}

/** Sends one request of a smoke check, on a connection of its own so that each may meet another pod. Never throws for what the workload does. */
export type SmokeProbe = (origin: string, check: SmokeCheck) => Promise<SmokeAnswer>;

/** Answers one query of a check, filled in. Never throws for what the service answers; a reference that cannot be read is thrown. */
export type MetricSource = (check: MetricCheck, query: string) => Promise<MetricAnswer>;

/** Somebody else's executor of jobs. Faults: UNAVAILABLE, after which asking again can help; JOB_FAILED. */
export interface JobService {
  /** Starts a job, and answers the id that it has there. */
  launch(job: JobConfiguration, variables: JobVariables): Promise<string | number>;
  /** The job that was launched for this attempt of this request; undefined where there is none. */
  find(job: JobConfiguration, variables: JobVariables): Promise<string | number | undefined>;
  /** Asks for the end of a job. False: it is over already. */
  cancel(job: JobConfiguration, id: string | number): Promise<boolean>;
}

/** Real time: Kubernetes and the budget count it, whatever the clock of stored dates says. */
export interface Stopwatch {
  /** Milliseconds since the epoch that grow at the pace of real time, comparable between calls of the function. */
  nowMs(): number;
  sleep(milliseconds: number): Promise<void>;
}
