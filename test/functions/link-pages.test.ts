import { describe, expect, it } from 'vitest';
import { html } from '../../core/notification/html.ts';
import { digestOf, foreign, page, refusalPage, sentence, timeOf } from '../../functions/approval/link-page.ts';

describe('LINK-13 text of somebody else', () => {
  it('cannot hide, reorder or become markup', () => {
    const overrides = ['\u202e', '\u202a', '\u2066', '\u2069', '\u200f', '\u200b', '\u2060', '\ufeff'];
    for (const character of overrides) {
      const { markup } = foreign(`invoice${character}gpj.exe`);
      expect(markup).not.toContain(character);
      expect(markup).toContain(`[U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);
    }
    expect(foreign('</bdi><script>"\'&').markup).toBe('<bdi dir="auto">&lt;/bdi&gt;&lt;script&gt;&quot;&#39;&amp;</bdi>');
  });

  it('of the writing of any people stays as it is, with the joiners that some need', () => {
    for (const text of ['\u05d0\u05d1\u05d2', '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645', '\u{1f468}\u200d\u{1f4bb}', 'ﬁ å'])
      expect(foreign(text).markup).toContain(text);
  });
});

describe('LINK-15 a page', () => {
  it('loads nothing, is kept by nobody, and may not be framed', () => {
    const { headers, body } = page(200, { kicker: 'k', title: '<t>', about: '<a>' }, html`<p>x</p>`);
    expect(headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(headers!['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(body).not.toMatch(/<t>|<a>|<script|src=|url\(|@import|https?:/);
  });

  it('of a refusal is a sentence with its code', () => {
    const { status, body } = refusalPage(
      410,
      { code: 'LINK_USED', message: 'others have decided: it is <approved>', hint: undefined },
      html``,
    );
    expect(status).toBe(410);
    expect(body).toContain('<h1>This link decides nothing any more</h1><p class="lead">Others have decided: it is &lt;approved&gt;.</p>');
    expect(refusalPage(418, { code: 'X', message: 'm', hint: 'h' }, html``).body).toContain('This cannot be done');
  });
});

it('what has to be compared stands out', () => {
  expect(digestOf(`sha256:${'0'.repeat(58)}3fa9c1`).markup).toMatch(/0<strong>3fa9c1<\/strong><\/code>$/);
  expect(timeOf('2026-11-20T12:34:56.000Z').markup).toBe('<time datetime="2026-11-20T12:34:56.000Z">20 Nov 2026, 12:34 UTC</time>');
  expect([sentence('a'), sentence('Is it?'), sentence('')]).toEqual(['A.', 'Is it?', '.']);
});
