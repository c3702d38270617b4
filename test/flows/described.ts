/** Compares what the deployed API really answered with the OpenAPI document that it serves. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';
import type { FlowCloud } from './cloud.ts';

interface Operation {
  responses: Record<string, { content?: Record<string, unknown> }>;
}

/** Every answer so far must have a described status, and a body that fits the schema of its route. Answers how many bodies were compared. */
export async function expectDescribed(cloud: FlowCloud): Promise<number> {
  const seen = cloud.answers.slice();
  const document = (await cloud.api('GET', '/openapi.json')).body as { paths: Record<string, Record<string, Operation>> };
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, 'openapi');
  // `/my` is a word of its own, not an id: longer literal paths first.
  const paths = Object.keys(document.paths).sort((left, right) => left.split('{').length - right.split('{').length);
  let compared = 0;
  for (const { method, path, answer } of seen) {
    const route = paths.find((each) => new RegExp(`^${each.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path.split('?')[0]!));
    const operation = route === undefined ? undefined : document.paths[route]![method.toLowerCase()];
    if (!operation) continue;
    const said = `${method} ${path} ${answer.status} ${answer.text.slice(0, 1_000)}`;
    expect(operation.responses[String(answer.status)], said).toBeDefined();
    const type = answer.headers.get('content-type')?.split(';')[0];
    if (answer.body === undefined || type === undefined) continue;
    const parts = [route!, method.toLowerCase(), 'responses', String(answer.status), 'content', type, 'schema'];
    const pointer = parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    const validate = ajv.getSchema(`openapi#/paths/${pointer}`);
    expect(validate, said).toBeDefined();
    expect(validate!(answer.body), `${JSON.stringify(validate!.errors)} ${said}`).toBe(true);
    compared++;
  }
  return compared;
}
