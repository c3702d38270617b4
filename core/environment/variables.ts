/** Environment variables of the functions: the constructs set them together with the permission, the adapters read them. Declared here only. */
export const VARIABLES = {
  /** State table. */
  TABLE_NAME: 'TABLE_NAME',
  /** Origin of the API as clients reach it, e.g. `https://abc.execute-api.eu-west-1.amazonaws.com`. */
  API_ORIGIN: 'API_ORIGIN',
  /** Issuer of people's tokens, its audience for us, and our client id for the sign-in page. */
  OIDC_ISSUER: 'OIDC_ISSUER',
  OIDC_AUDIENCE: 'OIDC_AUDIENCE',
  OIDC_CLIENT_ID: 'OIDC_CLIENT_ID',
  /** Promotion state machine. */
  STATE_MACHINE_ARN: 'STATE_MACHINE_ARN',
  /** KMS HMAC keys of approval links: JSON `{"<kid>": "<key arn>"}`, and the kid that new links use. */
  LINK_KEYS: 'LINK_KEYS',
  LINK_KEY_ID: 'LINK_KEY_ID',
  /** KMS HMAC key of cursors, session cookies and CSRF values. */
  COOKIE_KEY: 'COOKIE_KEY',
  /** Audit log: bucket, origin line of its checkpoints, KMS signing keys, oldest first, comma-separated. */
  LOG_BUCKET: 'LOG_BUCKET',
  LOG_ORIGIN: 'LOG_ORIGIN',
  LOG_KEY: 'LOG_KEY',
  /** Receipts: their bucket, and the KMS key that signs them. */
  RECEIPT_BUCKET: 'RECEIPT_BUCKET',
  RECEIPT_KEY: 'RECEIPT_KEY',
  /** Bucket of exports of the log. */
  EXPORT_BUCKET: 'EXPORT_BUCKET',
  /** Function that makes receipts and exports. */
  ATTEST_FUNCTION: 'ATTEST_FUNCTION',
  /** How the log's bucket was deployed: mode and days, e.g. `COMPLIANCE 731`. */
  LOG_LOCK: 'LOG_LOCK',
  /** Function that seals the log, called when evidence is needed at once. */
  SEALER_FUNCTION: 'SEALER_FUNCTION',
  /** Function that reaches clusters, called to test whether it could. */
  ROLLOUT_FUNCTION: 'ROLLOUT_FUNCTION',
  /** Function that delivers notices, called by the one that reads the stream. */
  DELIVER_FUNCTION: 'DELIVER_FUNCTION',
  /** Function that sends events to subscribers, called by the one that reads the stream. */
  DISPATCH_FUNCTION: 'DISPATCH_FUNCTION',
  /** KMS HMAC key that the secrets of subscriptions are made from. */
  WEBHOOK_KEY: 'WEBHOOK_KEY',
  /** Function that plans and carries out deletions, called for who may. */
  RETAIN_FUNCTION: 'RETAIN_FUNCTION',
  EVENT_BUS: 'EVENT_BUS',
  /** SES configuration set. */
  MAIL_CONFIGURATION_SET: 'MAIL_CONFIGURATION_SET',
  /** Origins that may be plain http or not public, comma-separated: set by whoever deploys, never by a user. */
  ALLOWED_ORIGINS: 'ALLOWED_ORIGINS',
  /** Seconds after which a copy re-enters; optional, for scaled-down runs. */
  COPY_DEADLINE_SECONDS: 'COPY_DEADLINE_SECONDS',
  /** Bytes above which a blob is copied in parts, and of each part; optional. */
  COPY_PART_BYTES: 'COPY_PART_BYTES',
  /** CodeBuild project that runs command gates. */
  BUILD_PROJECT: 'BUILD_PROJECT',
} as const;

export type VariableName = keyof typeof VARIABLES;

/** Namespace of our metrics in CloudWatch: functions write into it, alarms read it. */
export const METRICS_NAMESPACE = 'Greenlight';
