import { RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';

/** Secrets that the configuration refers to as `secret:greenlight/…`. Their values are put after the deployment, never in a template. */
export class Secrets extends Construct {
  private readonly secrets: Secret[];

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const secret = (name: string, description: string) =>
      new Secret(this, name, { secretName: `greenlight/${name}`, description, removalPolicy: RemovalPolicy.RETAIN });
    this.secrets = [
      secret('slack-webhook', 'URL of the Slack incoming webhook'),
      secret('smoke-test-token', 'Bearer token of the smoke checks'),
      secret('gate-hmac', 'Key of signed gate callbacks'),
    ];
  }

  read(): PolicyStatement {
    return new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: this.secrets.map((secret) => secret.secretArn) });
  }
}
