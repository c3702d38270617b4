/** Compares real answers with the OpenAPI document that the API serves. */

import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';
import type { World } from './world.ts';

/** Every recorded answer must have a described status, and a body that fits its schema. */
export async function expectDescribed(world: World): Promise<void> {
  const answers = world.answers.slice();
  const document = (await world.call('GET', '/openapi.json')).json;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, 'openapi');
  const operations = new Map(
    Object.entries<Record<string, { operationId: string; responses: Record<string, { content?: Record<string, unknown> }> }>>(
      document.paths,
    ).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [operation.operationId, { path, method, operation }] as const),
    ),
  );
  let compared = 0;
  for (const { operation: id, answer } of answers) {
    const described = id === undefined ? undefined : operations.get(id);
    if (!described || answer.status === 304) continue;
    const response = described.operation.responses[String(answer.status)];
    expect(response, `${id} ${answer.status} ${answer.text}`).toBeDefined();
    const type = answer.headers['content-type']?.split(';')[0];
    if (answer.json === undefined || type === undefined) continue;
    const escaped = [described.path, described.method, 'responses', String(answer.status), 'content', type, 'schema'].map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    const validate = ajv.getSchema(`openapi#/paths/${escaped.join('/')}`);
    expect(validate, `${id} ${answer.status} ${type}`).toBeDefined();
    expect(validate!(answer.json), `${id} ${answer.status} ${JSON.stringify(validate!.errors)} ${answer.text}`).toBe(true);
    compared++;
  }
  expect(compared).toBeGreaterThan(5);
}
