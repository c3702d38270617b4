/** SNS: topics with their policies, and Publish. There are no subscriptions, so a published message reaches nobody, as on AWS. */
import { randomUUID } from 'node:crypto';
import type { CloudContext, IamCheck, LocalService, PolicyDocument, ServiceRequest, ServiceResponse } from '../service.ts';

const KNOWN = new Set(['TopicName', 'DisplayName', 'KmsMasterKeyId', 'Tags']);

/** `AWS::SNS::Topic`, `AWS::SNS::TopicPolicy`, `Publish`, `ListTopics`. Topics are read from the templates at each start. */
export function createSns(context: CloudContext): LocalService {
  const topics = new Set<string>();
  const policies = new Map<string, PolicyDocument>();
  const form = (request: ServiceRequest): URLSearchParams => new URLSearchParams(request.body.toString('utf8'));
  const operation = (request: ServiceRequest): string => form(request).get('Action') ?? 'Unknown';
  return {
    name: 'sns',
    scopes: ['sns'],
    resources: {
      'AWS::SNS::Topic': async ({ properties, defaultName }) => {
        const unknown = Object.keys(properties).find((name) => !KNOWN.has(name));
        if (unknown) throw new Error(`the property ${unknown} is not supported by the local cloud`);
        const name = (properties.TopicName as string | undefined) ?? defaultName;
        const arn = `arn:aws:sns:${context.region}:${context.account}:${name}`;
        topics.add(arn);
        return { ref: arn, attributes: { TopicArn: arn, TopicName: name } };
      },
      'AWS::SNS::TopicPolicy': async ({ properties, defaultName }) => {
        for (const arn of properties.Topics as string[]) {
          if (!topics.has(arn)) throw new Error(`the topic ${arn} does not exist`);
          policies.set(arn, properties.PolicyDocument as PolicyDocument);
        }
        return { ref: defaultName, attributes: { Id: defaultName } };
      },
    },
    operation,
    checks: (request): IamCheck[] => {
      const fields = form(request);
      const resource = operation(request) === 'Publish' ? (fields.get('TopicArn') ?? fields.get('TargetArn') ?? '*') : '*';
      return [{ action: `sns:${operation(request)}`, resource }];
    },
    handle: async (request) => {
      const fields = form(request);
      switch (operation(request)) {
        case 'Publish':
          return topics.has(fields.get('TopicArn') ?? '')
            ? result('Publish', `<MessageId>${randomUUID()}</MessageId>`, request)
            : failure({ status: 404, code: 'NotFound', message: 'Topic does not exist' }, request);
        case 'ListTopics': {
          const members = [...topics].map((arn) => `<member><TopicArn>${arn}</TopicArn></member>`).join('');
          return result('ListTopics', `<Topics>${members}</Topics>`, request);
        }
        default:
          context.log('unsupported operation', { operation: operation(request) });
          return failure(
            { status: 400, code: 'InvalidAction', message: `The local cloud does not support sns:${operation(request)}` },
            request,
          );
      }
    },
    errorResponse: (request, error) => failure(error, request),
    resourcePolicy: (arn) => policies.get(arn),
  };
}

const XMLNS = 'http://sns.amazonaws.com/doc/2010-03-31/';

function result(action: string, body: string, request: ServiceRequest): ServiceResponse {
  const metadata = `<ResponseMetadata><RequestId>${request.requestId}</RequestId></ResponseMetadata>`;
  return xml(200, `<${action}Response xmlns="${XMLNS}"><${action}Result>${body}</${action}Result>${metadata}</${action}Response>`);
}

function failure({ status, code, message }: { status: number; code: string; message: string }, request: ServiceRequest): ServiceResponse {
  const type = status < 500 ? 'Sender' : 'Receiver';
  const error = `<Error><Type>${type}</Type><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error>`;
  return xml(status, `<ErrorResponse xmlns="${XMLNS}">${error}<RequestId>${request.requestId}</RequestId></ErrorResponse>`);
}

function xml(status: number, body: string): ServiceResponse {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
