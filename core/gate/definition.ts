/** How a gate is configured: a tagged union, one member per kind of gate. */

interface Common {
  name: string;
  timeoutSeconds: number;
}

/** Declarative rules over facts of the artifact and the request. */
export interface PolicyGate extends Common {
  type: 'policy';
  rules: {
    requiredLabels?: string[];
    maxAgeDays?: number;
    maxSizeBytes?: number;
    /** Claims must be true, or the promotion is blocked. */
    requireClaims?: boolean;
    allowedRegistries?: string[];
    platforms?: string[];
  };
}

/**
 * What must be said about a digest by a trusted key: `signature`, that it is signed; else an attestation, by a short word (`sbom`, `provenance`, `scan`)
 * or by its predicate type.
 */
export type Requirement = string;

/** cosign key signatures and attestations of the digest. */
export interface SignatureGate extends Common {
  type: 'signature';
  /** References to PEM public keys (`ssm:/…`), any of which may have signed. */
  keys: string[];
  /** Different keys among them that must have signed, so that more than one party agrees. Absent: 1. Attestations need one. */
  min?: number;
  /** Absent: `signature`. */
  require?: Requirement[];
}

/** A finding that does not count for a while. */
export interface VulnerabilityException {
  id: string;
  /** For people: why it does no harm here. */
  reason: string;
  /** ISO instant from which it counts again. */
  until: string;
  /** Only where it is found in this package. */
  package?: string;
  /** For people: who agreed. */
  approvedBy?: string;
}

/** ECR scan findings by severity. */
export interface VulnerabilityGate extends Common {
  type: 'vulnerability';
  /** Highest number allowed per severity, e.g. `{CRITICAL: 0, HIGH: 0}`. */
  allowed: Record<string, number>;
  exceptions?: VulnerabilityException[];
  /** A scan that was completed longer ago says nothing. Absent: no bound. */
  maxScanAgeSeconds?: number;
}

/** Asks a service; `callback` means that the answer comes later, signed with HMAC. */
export interface HttpGate extends Common {
  type: 'http';
  /** URL or reference to one. */
  url: string;
  mode: 'synchronous' | 'callback';
  /** Secret for the HMAC of request and callback. */
  secret?: string;
}

/** Runs an argv without a shell in the build project of the stack. */
export interface CommandGate extends Common {
  type: 'command';
  argv: string[];
}

/** Compares what was measured with what was recorded of the last good version: a service answers it, or Prometheus does. */
export interface PerformanceGate extends Common {
  type: 'performance_baseline';
  /** URL or reference to one; absent with `metrics`. */
  url?: string;
  /** Origin of a Prometheus-compatible service, or a reference to one. */
  prometheus?: string;
  /** Figures by name, each a query that answers one number of which more is worse. */
  metrics?: Record<string, string>;
  /** Query that answers how many observations there are. */
  samples?: string;
  /** Secret sent to Prometheus as bearer token. */
  bearer?: string;
  maxRegressionPercent: number;
  /** 0: not asked. */
  minSamples: number;
}

/** Bounds what the promotion costs in its first month. */
export interface CostGate extends Common {
  type: 'cost';
  maxMonthlyUsd: number;
  usdPerGibMonth: number;
  usdPerGibTransfer: number;
  usdPerReplicaMonth: number;
}

export type GateDefinition = PolicyGate | SignatureGate | VulnerabilityGate | HttpGate | CommandGate | PerformanceGate | CostGate;
