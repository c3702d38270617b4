/** An answer in the words of API Gateway, with the headers that every answer carries. */
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { HttpAnswer } from './http.ts';

/** Pages bring their own, wider policy; everything else needs nothing at all. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

export function sendAnswer(answer: HttpAnswer, requestId: string): APIGatewayProxyStructuredResultV2 {
  const { body } = answer;
  const isText = typeof body === 'string';
  const contentType = answer.contentType ?? (isText ? 'text/plain; charset=utf-8' : 'application/json');
  return {
    statusCode: answer.status,
    headers: {
      ...HEADERS,
      'x-request-id': requestId,
      ...(body === undefined ? {} : { 'content-type': contentType }),
      ...answer.headers,
    },
    ...(answer.cookies ? { cookies: answer.cookies } : {}),
    ...(body instanceof Uint8Array
      ? { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }
      : body === undefined
        ? {}
        : { body: isText ? body : JSON.stringify(body) }),
  };
}
