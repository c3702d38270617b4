import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Effect, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/** Kinds of partition keys: what stands before the first `#`. adapters/state/keys.ts describes them. */
export type KeyKind =
  | 'REQ'
  | 'DECISION'
  | 'LINK'
  | 'TOKEN'
  | 'OUTBOX'
  | 'WAKE'
  | 'NOTICE'
  | 'DELIVERY'
  | 'ENV'
  | 'LOCK'
  | 'CONFIG'
  | 'POLICY'
  | 'PIN'
  | 'PREVIEW'
  | 'PERSON'
  | 'IDEMPOTENCY'
  | 'COUNTER'
  | 'LOG'
  | 'AUDIT'
  | 'RECEIPT'
  | 'EXPORT'
  | 'SESSION'
  | 'APITOKEN'
  | 'APITOKENS'
  | 'CONSUMER'
  | 'LIFECYCLE'
  | 'RETENTION'
  | 'LOGIN'
  | 'LIMIT'
  | 'FAILURES'
  | 'WATCH'
  | 'SUBSCRIPTION'
  | 'POSTED'
  | 'POSTING'
  | 'MUTE'
  | 'UNREACHABLE'
  | 'GATERUN'
  | 'CALLBACK'
  | 'UPLOAD'
  | 'DELEGATION'
  | 'REVIEW'
  | 'PAIR';

export type TableAction = 'get' | 'query' | 'put' | 'update' | 'delete' | 'check';

const ACTIONS: Readonly<Record<TableAction, string>> = {
  get: 'dynamodb:GetItem',
  query: 'dynamodb:Query',
  put: 'dynamodb:PutItem',
  update: 'dynamodb:UpdateItem',
  delete: 'dynamodb:DeleteItem',
  check: 'dynamodb:ConditionCheckItem',
};

/** Partition keys of the indexes of requests. */
const INDEX_KEYS = { LISTING: 'LIST#*', OPEN: 'OPEN#*', OUTCOMES: 'LIST#*' } as const;

/** What a function may do with which kinds of rows: `{ REQ: ['get', 'put'] }`. */
export type TableGrants = Partial<Record<KeyKind, readonly TableAction[]>>;

/** The state table: one row per thing, partition keys cut by kind, never a Scan. */
export class StateTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'PK', type: AttributeType.STRING },
      sortKey: { name: 'SK', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      timeToLiveAttribute: 'ttl',
      // Keys and event name only: the stream wakes, it never carries what happened.
      stream: StreamViewType.KEYS_ONLY,
    });
    for (const [indexName, partition, sort] of [
      ['LISTING', 'GPK', 'GSK'],
      // Sparse: only requests that are not over carry its keys.
      ['OPEN', 'OPK', 'OSK'],
    ] as const) {
      this.table.addGlobalSecondaryIndex({
        indexName,
        partitionKey: { name: partition, type: AttributeType.STRING },
        sortKey: { name: sort, type: AttributeType.STRING },
        projectionType: ProjectionType.ALL,
      });
    }
    // Sparse: only requests that were decided on or deployed, by when; what is counted of them and nothing else, for 1 KB instead of a whole head.
    this.table.addGlobalSecondaryIndex({
      indexName: 'OUTCOMES',
      partitionKey: { name: 'GPK', type: AttributeType.STRING },
      sortKey: { name: 'outcomeAt', type: AttributeType.STRING },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: ['phase', 'requesterKey', 'approvedAt', 'rejectedAt', 'deployedAt'],
    });
  }

  /** Statements for the rows a function works on, one per action so that each names exactly its kinds. */
  static statements(tableArn: string, grants: TableGrants): PolicyStatement[] {
    return (Object.keys(ACTIONS) as TableAction[]).flatMap((action) => {
      const kinds = (Object.entries(grants) as [KeyKind, readonly TableAction[]][]).filter(([, actions]) => actions.includes(action));
      if (kinds.length === 0) return [];
      return [
        new PolicyStatement({
          effect: Effect.ALLOW,
          actions: [ACTIONS[action]],
          resources: [tableArn],
          conditions: leadingKeys(kinds.map(([kind]) => `${kind}#*`)),
        }),
      ];
    });
  }

  /** Statements for queries of the named indexes of requests. */
  static listing(tableArn: string, indexes: readonly (keyof typeof INDEX_KEYS)[]): PolicyStatement[] {
    return indexes.map(
      (index) =>
        new PolicyStatement({
          effect: Effect.ALLOW,
          actions: ['dynamodb:Query'],
          resources: [`${tableArn}/index/${index}`],
          conditions: leadingKeys([INDEX_KEYS[index]]),
        }),
    );
  }

  grantStream(grantee: IGrantable): void {
    this.table.grantStreamRead(grantee);
  }
}

/** Without the `Null` condition a call that names no key would pass the `ForAllValues` one. */
function leadingKeys(patterns: string[]): Record<string, Record<string, string[] | string>> {
  return {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  };
}
