import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, html } from '../../../core/notification/html.ts';
import { messageOf, type NoticeFacts, oneLine } from '../../../core/notification/message.ts';
import type { NoticeType } from '../../../core/promotion/change.ts';
import { promotionIn } from '../promotion/fixture.ts';

const facts = (type: NoticeType, more: Partial<NoticeFacts> = {}): NoticeFacts => ({
  type,
  data: {},
  promotion: promotionIn('pending_approval'),
  justification: 'New PCI-DSS compliant payment flow',
  ...more,
});

const TYPES: NoticeType[] = [
  ...['promotion.requested', 'promotion.blocked', 'approval.requested', 'approval.decided', 'approval.closed'],
  ...['promotion.started', 'rollout.step', 'promotion.succeeded', 'promotion.failed', 'rollback.started', 'rollback.finished'],
  ...['gate.finished', 'notification.failed', 'security.alert'],
] as NoticeType[];

describe('what people are told', () => {
  it.each(TYPES)('%s names the request, the artifact, the way and the digest', (type) => {
    const { subject, paragraphs } = messageOf(facts(type));
    expect(subject).toMatch(/^\[PR-2026-0007\] .+ — payment-api 1\.1\.0: staging → prod$/);
    expect(paragraphs[0]).toContain('Digest: sha256:aaaa');
    expect(paragraphs[0]).toContain('Requested by: dev@example.com');
    expect(JSON.stringify(paragraphs)).not.toContain('undefined');
  });

  it('says why and until when where a decision is asked, and what broke where something did', () => {
    expect(messageOf(facts('approval.requested')).paragraphs).toEqual(
      expect.arrayContaining(['Why: New PCI-DSS compliant payment flow', 'Decide until: 2026-11-27T12:00:00.000Z']),
    );
    const promotion = promotionIn('failed', { failure: { code: 'SMOKE_FAILED', message: 'login answers 500' } });
    expect(messageOf(facts('promotion.failed', { promotion })).paragraphs).toContain('Reason: SMOKE_FAILED: login answers 500');
    expect(messageOf(facts('promotion.failed', { promotion })).severity).toBe('critical');
    expect(messageOf(facts('promotion.blocked', { data: { gates: 'policy' } })).paragraphs).toContain('Gates that did not pass: policy');
    expect(messageOf(facts('approval.decided', { data: { decision: 'reject' } })).subject).toContain('Rejected');
  });
});

describe('LINK-19: foreign text grows no second header', () => {
  it('in the subject', () => {
    const attacks = ['\r\nBcc: all@example.com', '\nX: y', '\u2028Bcc: x', '\u0085x', '\u0000', '\u001b[31m', '"a" <b@c>'];
    for (const attack of attacks) {
      const promotion = promotionIn('pending_approval', {
        artifact: `payment${attack}`,
        releaseVersion: `1${attack}`,
        to: `prod${attack}`,
      });
      const { subject } = messageOf(facts('rollout.step', { promotion, data: { step: attack } }));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(subject, JSON.stringify(attack)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }
  });

  it('whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(oneLine(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
    expect(oneLine(' a\r\nb\tc ')).toBe('a b c');
  });
});

describe('markup', () => {
  it('of foreign text is text, wherever it stands', () => {
    const attack = `"><img src=x onerror='alert(1)'>&amp;`;
    expect(escapeHtml(attack)).toBe('&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;amp;');
    const page = html`<a href="${attack}">${attack}</a>${7}`.markup;
    expect(page.match(/</g)).toHaveLength(2);
    expect(page.endsWith('7')).toBe(true);
  });

  it('of ours stays, alone and in lists', () => {
    const items = ['<b>', 'c'].map((text) => html`<li>${text}</li>`);
    expect(html`<ul>${items}</ul>${html`<hr>`}`.toString()).toBe('<ul><li>&lt;b&gt;</li><li>c</li></ul><hr>');
    expect(html`<p>x</p>`.markup).toBe('<p>x</p>');
  });

  it('cannot be forged by an object that looks like ours', () => {
    const forged = { markup: '<script>' } as unknown as string;
    expect(html`${forged}`.markup).not.toContain('<script>');
  });

  it('whatever the text, has no more tags than the template', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(html`<p title="${text}">${text}</p>`.markup.match(/[<>]/g)).toHaveLength(4);
        expect(html`<p title="${text}">`.markup.match(/"/g)).toHaveLength(2);
      }),
    );
  });
});
