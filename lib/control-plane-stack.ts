import { Aws, CfnOutput, CfnParameter, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { Configuration } from '../core/environment/configuration.ts';
import type { VariableName } from '../core/environment/variables.ts';
import { Alarms } from './alarms.ts';
import { CommandGates } from './command-gates.ts';
import { EventPlane } from './event-plane.ts';
import { ExportBucket } from './export-bucket.ts';
import { FunctionGroup } from './function-group.ts';
import { FUNCTIONS, type FunctionName } from './functions.ts';
import { HttpApi } from './http-api.ts';
import { RETENTION_DAYS } from './locked-bucket.ts';
import { Mail } from './mail.ts';
import { LISTING, TABLE_GRANTS } from './permissions.ts';
import { PromotionWorkflow } from './promotion-workflow.ts';
import { repositoryTemplates } from './repository-templates.ts';
import { Secrets } from './secrets.ts';
import type { StateStack } from './state-stack.ts';
import { StateTable } from './state-table.ts';
import { deleteFromRegistries, readClusters, readRegistries, writeRegistries } from './world-grants.ts';

export interface ControlPlaneStackProps extends StackProps {
  state: StateStack;
  /** greenlight.yaml as it is deployed: which registries and clusters the functions may reach. */
  configuration: Configuration;
}

/** Everything that may be rebuilt at any time: API, functions, workflow, schedules, alarms. It only uses the state stack. */
export class ControlPlaneStack extends Stack {
  constructor(scope: Construct, id: string, props: ControlPlaneStackProps) {
    super(scope, id, props);
    const { state, configuration } = props;
    const parameters = this.parameters();
    const api = new HttpApi(this, 'HttpApi');
    const mail = new Mail(this, 'Mail', { sender: configuration.notifications.from });
    const secrets = new Secrets(this, 'Secrets', { configuration });
    const commandGates = new CommandGates(this, 'CommandGates');
    const events = new EventPlane(this, 'Events', { table: state.state.table });

    const variables: Partial<Record<VariableName, string>> = {
      TABLE_NAME: state.state.table.tableName,
      API_ORIGIN: api.origin,
      OIDC_ISSUER: parameters.issuer.valueAsString,
      OIDC_AUDIENCE: parameters.audience.valueAsString,
      ALLOWED_ORIGINS: parameters.allowedOrigins.valueAsString,
    };
    const groups = {} as Record<FunctionName, FunctionGroup>;
    for (const name of Object.keys(FUNCTIONS) as FunctionName[]) {
      const role = name === 'seal' || name === 'attest' || name === 'deliver' || name === 'decide' ? state.roles[name] : undefined;
      groups[name] = new FunctionGroup(this, `${name[0]!.toUpperCase()}${name.slice(1)}`, {
        name,
        variables: { ...variables },
        statements: [
          ...StateTable.statements(state.state.table.tableArn, TABLE_GRANTS[name]),
          ...(LISTING.includes(name) ? StateTable.listing(state.state.table.tableArn, ['LISTING', 'OPEN']) : []),
          // Who counts.
          ...(name === 'read' ? StateTable.listing(state.state.table.tableArn, ['OUTCOMES']) : []),
        ],
        ...(role ? { role } : {}),
      });
    }
    const give = (name: FunctionName, added: Partial<Record<VariableName, string>>, ...statements: PolicyStatement[]) => {
      for (const [variable, value] of Object.entries(added)) groups[name].lambda.addEnvironment(variable, value);
      if (statements.length > 0) groups[name].allow(...statements);
    };

    // Keys: cursors and form values are made and checked by the same functions; links are issued and verified by different ones.
    const cookieKey = state.macKeys.cookie.keyArn;
    const cookieUse = new PolicyStatement({ actions: ['kms:GenerateMac', 'kms:VerifyMac'], resources: [cookieKey] });
    for (const name of ['read', 'decide', 'operate', 'audit', 'public'] as const) give(name, { COOKIE_KEY: cookieKey }, cookieUse);
    const webhookKey = state.macKeys.webhook.keyArn;
    for (const name of ['operate', 'dispatch'] as const)
      give(name, { WEBHOOK_KEY: webhookKey }, new PolicyStatement({ actions: ['kms:GenerateMac'], resources: [webhookKey] }));
    groups.dispatch.allow(...secrets.readWebhooks(), this.readParameters());
    const linkKeys = JSON.stringify(Object.fromEntries(Object.entries(state.macKeys.links).map(([kid, { keyArn }]) => [kid, keyArn])));
    give('deliver', {
      LINK_KEYS: linkKeys,
      LINK_KEY_ID: state.macKeys.presentLinkKey,
      MAIL_CONFIGURATION_SET: mail.configurationSetName,
      EVENT_BUS: events.bus.eventBusName,
    });
    give('decide', { LINK_KEYS: linkKeys, OIDC_CLIENT_ID: parameters.clientId.valueAsString });
    // Signatures of automated approvers.
    groups.decide.allow(secrets.read(), this.readParameters());
    groups.deliver.allow(this.readParameters());
    // Clicks in Slack.
    groups.decide.allow(secrets.readSlackApp());
    give('public', { OIDC_CLIENT_ID: parameters.clientId.valueAsString });
    events.onMailReturned(groups.deliver);
    groups.deliver.allow(
      new PolicyStatement({ actions: ['ses:SendEmail', 'ses:SendRawEmail'], resources: mail.arns }),
      new PolicyStatement({ actions: ['events:PutEvents'], resources: [events.bus.eventBusArn] }),
      secrets.read(),
    );

    // Registries and clusters of greenlight.yaml.
    repositoryTemplates(this, configuration);
    for (const name of ['request', 'gates', 'propose'] as const) groups[name].allow(...readRegistries(this, configuration));
    groups.copy.allow(...readRegistries(this, configuration), ...writeRegistries(this, configuration));
    for (const name of ['rollout', 'adopt'] as const) groups[name].allow(...readClusters(this, configuration), secrets.read());
    groups.adopt.allow(...readRegistries(this, configuration), this.readParameters());
    // Addresses of metrics services and jobs may be kept there.
    for (const name of ['rollout', 'propose'] as const) groups[name].allow(this.readParameters());
    groups.propose.allow(secrets.read());

    // Retention: it asks clusters what runs, and is called for who may.
    groups.retain.allow(
      ...readRegistries(this, configuration),
      deleteFromRegistries(this, configuration),
      ...readClusters(this, configuration),
      secrets.read(),
      this.readParameters(),
    );
    give(
      'operate',
      { RETAIN_FUNCTION: groups.retain.lambda.functionName },
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [groups.retain.lambda.functionArn] }),
    );
    events.retainEveryHour(groups.retain);

    // Gates.
    give('gates', { BUILD_PROJECT: commandGates.project.projectName }, commandGates.start(), secrets.read(), this.readParameters());
    groups.hooks.allow(secrets.read());
    // A preview evaluates the gates that only read.
    groups.request.allow(this.readParameters());
    events.onBuildFinished(commandGates.project.projectName, groups.build);

    // The log.
    const logPlace = { LOG_BUCKET: state.vault.bucket.bucketName, LOG_ORIGIN: `greenlight.${Aws.ACCOUNT_ID}.${Aws.REGION}/audit` };
    give('seal', { ...logPlace, LOG_KEY: state.vault.signingKeys.map(({ keyArn }) => keyArn).join() });
    const calling = (name: FunctionName) =>
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [groups[name].lambda.functionArn] });
    give('begin', { SEALER_FUNCTION: groups.seal.lambda.functionName }, calling('seal'));
    // Tests of connections: only the role that rolls out can say what that role may do in a cluster.
    give('operate', { ROLLOUT_FUNCTION: groups.rollout.lambda.functionName }, calling('rollout'));
    const exports = new ExportBucket(this, 'Exports');
    const exportBucket = { EXPORT_BUCKET: exports.bucket.bucketName };
    // Receipts: whoever ends a promotion has its receipt made and puts it beside the image.
    const receipts = { RECEIPT_BUCKET: state.receipts.bucket.bucketName };
    give(
      'attest',
      {
        ...logPlace,
        ...receipts,
        ...exportBucket,
        RECEIPT_KEY: state.receipts.signingKey.keyArn,
        SEALER_FUNCTION: groups.seal.lambda.functionName,
      },
      ...state.vault.reading(),
      exports.writing(),
      calling('seal'),
    );
    for (const name of ['copy', 'audit'] as const) give(name, { ATTEST_FUNCTION: groups.attest.lambda.functionName }, calling('attest'));
    give('audit', { ...logPlace, ...receipts, ...exportBucket }, ...state.vault.reading(), ...state.receipts.reading(), exports.reading());
    give('guard', { ...logPlace, LOG_LOCK: `${state.lockMode} ${RETENTION_DAYS}` }, ...state.vault.reading(), ...state.vault.guarding());
    events.everyHour(groups.guard);

    // Runs.
    const workflow = new PromotionWorkflow(this, 'Workflow', groups);
    give(
      'wake',
      { STATE_MACHINE_ARN: workflow.machine.stateMachineArn },
      new PolicyStatement({
        actions: ['states:StartExecution'],
        resources: [workflow.machine.stateMachineArn],
      }),
      // Task tokens have no resource in IAM; who holds a token is decided by the TOKEN# rows, which no other function reads.
      new PolicyStatement({ actions: ['states:SendTaskSuccess', 'states:SendTaskFailure', 'states:SendTaskHeartbeat'], resources: ['*'] }),
    );
    events.wakeOnInsert(groups);
    events.everyMinute(groups);
    events.everyFiveMinutes(groups.propose);

    api.route({
      read: groups.read,
      request: groups.request,
      decide: groups.decide,
      operate: groups.operate,
      audit: groups.audit,
      hooks: groups.hooks,
      public: groups.public,
    });
    new Alarms(this, 'Alarms', { groups, workflow, failures: events.failures });

    new StringParameter(this, 'TrustedSigningKey', {
      parameterName: '/greenlight/trusted-signing-key',
      stringValue: parameters.signingKey.valueAsString,
      description: 'PEM public key whose cosign signatures the signature gate trusts',
    });
    new StringParameter(this, 'HttpGateUrl', {
      parameterName: '/greenlight/http-gate-url',
      stringValue: parameters.httpGateUrl.valueAsString,
      description: 'Address that the http gate asks',
    });
    new CfnOutput(this, 'ApiOrigin', { value: api.origin });
    new CfnOutput(this, 'StateMachineArn', { value: workflow.machine.stateMachineArn });
    new CfnOutput(this, 'AdoptFunction', {
      value: groups.adopt.lambda.functionName,
      description: 'Invoke it once after the first deployment',
    });
  }

  private parameters() {
    const parameter = (id: string, description: string, fallback?: string) =>
      new CfnParameter(this, id, { type: 'String', description, ...(fallback === undefined ? {} : { default: fallback }) });
    return {
      issuer: parameter('OidcIssuer', 'OIDC issuer of people, e.g. https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x'),
      audience: parameter('OidcAudience', 'Audience that access tokens must carry', 'greenlight'),
      clientId: parameter('OidcClientId', 'Client id of the sign-in page at the issuer', 'greenlight-console'),
      allowedOrigins: parameter(
        'AllowedOrigins',
        'Origins outside the public internet that gates, registries, smoke checks and token issuers may use, comma-separated',
        'none',
      ),
      signingKey: parameter('TrustedSigningKeyPem', 'PEM public key whose cosign signatures are trusted'),
      httpGateUrl: parameter('HttpGateAddress', 'Address that the http gate asks', 'https://gates.example.com/check'),
    };
  }

  /** Parameters of this deployment: keys and addresses that the configuration refers to as `ssm:/greenlight/…`. */
  private readParameters(): PolicyStatement {
    return new PolicyStatement({
      actions: ['ssm:GetParameter'],
      resources: [this.formatArn({ service: 'ssm', resource: 'parameter', resourceName: 'greenlight/*' })],
    });
  }
}
