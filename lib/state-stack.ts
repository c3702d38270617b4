import { Annotations, CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { AuditVault } from './audit-vault.ts';
import { LogReplica } from './log-replica.ts';
import { MacKeys } from './mac-keys.ts';
import { ReceiptVault } from './receipt-vault.ts';
import { StateTable } from './state-table.ts';

/** What outlives every deployment: the table, the locked log, the keys, and the roles that their policies name. */
export class StateStack extends Stack {
  readonly state: StateTable;
  readonly vault: AuditVault;
  readonly receipts: ReceiptVault;
  readonly macKeys: MacKeys;
  /** GOVERNANCE or COMPLIANCE, as it is deployed. */
  readonly lockMode: string;
  /** Roles named by resource policies; the control plane adds what else they need. */
  readonly roles: { seal: Role; attest: Role; deliver: Role; decide: Role };

  constructor(scope: Construct, id: string, props: StackProps = {}) {
    super(scope, id, { ...props, terminationProtection: true });
    const stage: unknown = this.node.tryGetContext('stage');
    // Whoever means production and writes it otherwise would get a log that can be shortened.
    if (stage !== undefined && stage !== 'prod')
      throw new Error(`-c stage=${String(stage)}: write prod, or leave it out for everything else`);
    const isProduction = stage === 'prod';
    const lockMode = new CfnParameter(this, 'LockMode', {
      // A production log must be one that nobody can shorten, root included.
      allowedValues: isProduction ? ['COMPLIANCE'] : ['GOVERNANCE', 'COMPLIANCE'],
      default: isProduction ? 'COMPLIANCE' : 'GOVERNANCE',
      description: 'Object Lock mode of the audit log. COMPLIANCE cannot be undone by anybody, root included.',
    });
    const keySpec = new CfnParameter(this, 'LogKeySpec', {
      // Ed25519 signatures are deterministic: a repeated sealing yields the same bytes.
      allowedValues: ['ECC_NIST_EDWARDS25519', 'ECC_NIST_P256'],
      default: 'ECC_NIST_EDWARDS25519',
      description:
        'Kind of the keys that sign the audit log. ECC_NIST_P256 where the region has no Ed25519; choose before the first deployment.',
    });
    this.lockMode = lockMode.valueAsString;
    if (!isProduction) {
      Annotations.of(this).addWarningV2(
        'greenlight:governance',
        'the audit log is locked in GOVERNANCE mode unless LockMode says otherwise: an administrator of the account could lift it. For production synthesize with -c stage=prod',
      );
    }
    this.roles = {
      seal: this.role('SealerRole', 'Seals the audit log'),
      attest: this.role('AttesterRole', 'Makes receipts of promotions and exports of the audit log'),
      deliver: this.role('LinkIssuerRole', 'Issues approval links and sends notices'),
      decide: this.role('LinkVerifierRole', 'Verifies approval links and records decisions'),
    };
    this.state = new StateTable(this, 'State');
    this.vault = new AuditVault(this, 'AuditVault', { lockMode, keySpec, sealer: this.roles.seal });
    this.receipts = new ReceiptVault(this, 'Receipts', { lockMode, attester: this.roles.attest });
    const replica = new LogReplica(this, 'LogReplica');
    replica.replicate(this.vault.bucket, 'LogReplicaBucket');
    replica.replicate(this.receipts.bucket, 'ReceiptReplicaBucket');
    this.macKeys = new MacKeys(this, 'MacKeys', { issuer: this.roles.deliver, verifier: this.roles.decide });
  }

  private role(id: string, description: string): Role {
    return new Role(this, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), description });
  }
}
