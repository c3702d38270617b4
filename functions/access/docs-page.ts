/** The description for people: one page without script, made from the OpenAPI document alone. */

interface Operation {
  summary?: string;
  tags?: string[];
  operationId?: string;
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { required?: boolean; content: Record<string, { schema?: unknown; example?: unknown }> };
  responses: Record<string, { description: string }>;
}

/** What the page reads of an OpenAPI document. */
export interface Description {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, { enum?: string[] } | undefined> };
}

export const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de;text-transform:capitalize}
article{margin:1.5rem 0}h3{margin:0;font-size:1rem}code,pre{font:14px/1.4 ui-monospace,monospace;background:#f2f4f6;border-radius:4px}
code{padding:.1em .3em}pre{padding:.75rem;overflow:auto}ul{margin:.25rem 0}.codes li{display:inline-block;margin:0 .75rem .25rem 0}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}code,pre{background:#1c232c}}`;

export function docsPage(description: Description): string {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags ?? []))];
  const codes = description.components?.schemas?.['ProblemCode']?.enum ?? [];
  const { title, version, description: about } = description.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escapeHtml(title)} ${escapeHtml(version)}</h1><p>${escapeHtml(about ?? '')}</p><p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p>
${tags
  .map((tag) =>
    section(
      tag,
      operations.filter(({ operation }) => operation.tags?.includes(tag)),
    ),
  )
  .join('\n')}
<h2>Codes of problems</h2><ul class="codes">${codes.map((code) => `<li id="${escapeHtml(code)}"><code>${escapeHtml(code)}</code></li>`).join('')}</ul>
</main></body></html>`;
}

function section(tag: string, operations: { path: string; method: string; operation: Operation }[]): string {
  return `<section><h2>${escapeHtml(tag)}</h2>${operations.map(article).join('')}</section>`;
}

function article({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const example = Object.values(operation.requestBody?.content ?? {})[0]?.example;
  return `<article id="${escapeHtml(operation.operationId ?? '')}"><h3><code>${escapeHtml(`${method} ${path}`)}</code></h3><p>${escapeHtml(operation.summary ?? '')}</p>
${parameters.length > 0 ? `<p>Query: ${parameters.map(({ name }) => `<code>${escapeHtml(name)}</code>`).join(' ')}</p>` : ''}
${example === undefined ? '' : `<pre>${escapeHtml(JSON.stringify(example, null, 2))}</pre>`}
<ul>${Object.entries(operation.responses)
    .map(([status, answer]) => `<li><code>${escapeHtml(status)}</code> ${escapeHtml(answer.description)}</li>`)
    .join('')}</ul></article>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
