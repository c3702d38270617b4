import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

/**
 * Kids of the keys of approval links, oldest first; the last one signs. To rotate, add one and deploy: mails that are out stay valid under the kid that
 * they name. When the longest approval deadline is over, take the old one out, and links of it are told to ask for a new one.
 */
export const LINK_KEY_IDS: readonly [string, ...string[]] = ['k1'];

export interface MacKeysProps {
  /** Issues approval links. */
  issuer: IRole;
  /** Verifies approval links. */
  verifier: IRole;
  linkKeyIds?: readonly [string, ...string[]];
}

/** HMAC keys that cannot be exported: for approval links, whose two ends are different roles; for cursors and form values; for the secrets of subscriptions. */
export class MacKeys extends Construct {
  /** By kid. */
  readonly links: Readonly<Record<string, Key>>;
  /** Kid that new links name. */
  readonly presentLinkKey: string;
  readonly cookie: Key;
  /** Makes the secrets of subscriptions. */
  readonly webhook: Key;

  constructor(scope: Construct, id: string, props: MacKeysProps) {
    super(scope, id);
    const { issuer, verifier, linkKeyIds = LINK_KEY_IDS } = props;
    this.presentLinkKey = linkKeyIds.at(-1)!;
    // The first key keeps the name that it had when it was the only one: another would be another key.
    this.links = Object.fromEntries(
      linkKeyIds.map((kid) => [kid, this.key(kid === 'k1' ? 'Link' : `Link-${kid}`, `Approval links, kid ${kid}`)]),
    );
    this.cookie = this.key('Cookie', 'Cursors and form values');
    this.webhook = this.key('Webhook', 'Secrets of subscriptions');
    const arns = Object.values(this.links).map(({ keyArn }) => keyArn);
    this.only('kms:GenerateMac', issuer);
    this.only('kms:VerifyMac', verifier);
    issuer.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['kms:GenerateMac'], resources: [this.links[this.presentLinkKey]!.keyArn] }),
    );
    verifier.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:VerifyMac'], resources: arns }));
  }

  private key(id: string, description: string): Key {
    return new Key(this, id, {
      description,
      keySpec: KeySpec.HMAC_256,
      keyUsage: KeyUsage.GENERATE_VERIFY_MAC,
      removalPolicy: RemovalPolicy.RETAIN,
      pendingWindow: Duration.days(30),
    });
  }

  private only(action: string, role: IRole): void {
    for (const key of Object.values(this.links)) {
      key.addToResourcePolicy(
        new PolicyStatement({
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions: [action],
          resources: ['*'],
          conditions: { ArnNotEquals: { 'aws:PrincipalArn': role.roleArn } },
        }),
      );
    }
  }
}
