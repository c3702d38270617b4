import { CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { AuditVault } from './audit-vault.ts';
import { MacKeys } from './mac-keys.ts';
import { ReceiptVault } from './receipt-vault.ts';
import { StateTable } from './state-table.ts';

/** What outlives every deployment: the table, the locked log, the keys, and the roles that their policies name. */
export class StateStack extends Stack {
  readonly state: StateTable;
  readonly vault: AuditVault;
  readonly receipts: ReceiptVault;
  readonly macKeys: MacKeys;
  /** Roles named by resource policies; the control plane adds what else they need. */
  readonly roles: { seal: Role; attest: Role; deliver: Role; decide: Role };

  constructor(scope: Construct, id: string, props: StackProps = {}) {
    super(scope, id, { ...props, terminationProtection: true });
    const lockMode = new CfnParameter(this, 'LockMode', {
      allowedValues: ['GOVERNANCE', 'COMPLIANCE'],
      default: 'GOVERNANCE',
      description: 'Object Lock mode of the audit log. COMPLIANCE cannot be undone by anybody, root included: use it for production.',
    });
    this.roles = {
      seal: this.role('SealerRole', 'Seals the audit log'),
      attest: this.role('AttesterRole', 'Makes receipts of promotions and exports of the audit log'),
      deliver: this.role('LinkIssuerRole', 'Issues approval links and sends notices'),
      decide: this.role('LinkVerifierRole', 'Verifies approval links and records decisions'),
    };
    this.state = new StateTable(this, 'State');
    this.vault = new AuditVault(this, 'AuditVault', { lockMode, sealer: this.roles.seal });
    this.receipts = new ReceiptVault(this, 'Receipts', { lockMode, attester: this.roles.attest });
    this.macKeys = new MacKeys(this, 'MacKeys', { issuer: this.roles.deliver, verifier: this.roles.decide });
  }

  private role(id: string, description: string): Role {
    return new Role(this, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), description });
  }
}
