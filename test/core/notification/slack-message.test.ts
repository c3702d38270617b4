import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { approvalMessage, escapeSlack, noticeMessage, type SlackMessage } from '../../../core/notification/slack-message.ts';
import type { PromotionTexts } from '../../../core/promotion/promotion.ts';
import { prodPlan, promotionIn } from '../promotion/fixture.ts';

const PAGE = 'https://greenlight.example.com/v1/requests/prod/PR-2026-0007';
const HANDLE = 'h'.repeat(400);

function approval(more: Partial<Parameters<typeof approvalMessage>[0]> = {}, request: Partial<PromotionTexts['spec']['request']> = {}) {
  const { spec } = prodPlan();
  return approvalMessage({
    message: { severity: 'info', subject: '[PR-2026-0007] Your approval is asked — payment-api 1.1.0: staging → prod' },
    promotion: promotionIn('pending_approval'),
    texts: { spec: { ...spec, request: { ...spec.request, ...request } } },
    gates: [{ name: 'policy', status: 'passed' }],
    asked: ['Lee Lead'],
    news: [],
    page: PAGE,
    handle: HANDLE,
    ...more,
  });
}

interface Text {
  type: string;
  text: string;
}

/** Every text of a message, wherever it stands. */
function textsOf(message: SlackMessage): Text[] {
  const texts: Text[] = [];
  JSON.stringify(message.blocks, (_key, value) => {
    if (typeof value?.text === 'string') texts.push(value as Text);
    return value;
  });
  return texts;
}

const buttons = ({ blocks }: SlackMessage) => blocks.flatMap((block) => (block.type === 'actions' ? block.elements : []));
const fields = ({ blocks }: SlackMessage) => blocks.flatMap((block) => ('fields' in block ? block.fields.map(({ text }) => text) : []));

describe('the message that asks for approval', () => {
  it('says what is decided on, by its ends where it is long', () => {
    expect(fields(approval({ asked: ['Lee Lead', 'Sam Security'] }))).toEqual([
      'Artifact\npayment-api',
      'Version\n1.1.0',
      'Move\nstaging → prod',
      'Digest\n…aaaaaa',
      'Requested by\ndev@example.com',
      'Impact\nlow',
      'Gates\npolicy: passed',
      `Plan\n…${promotionIn('pending_approval').planHash.slice(-6)}`,
      'Decide until\n2026-11-27T12:00:00.000Z',
      'Asked\nLee Lead, Sam Security',
    ]);
    expect(fields(approval({ gates: [], asked: [] }))).toEqual(expect.arrayContaining(['Gates\nnone', 'Asked\nnobody']));
    const many = Array.from({ length: 12 }, (_, index) => `P${index}`);
    expect(fields(approval({ asked: many })).at(-1)).toBe('Asked\nP0, P1, P2, P3, P4, P5, P6, P7, P8, P9 and 2 more');
  });

  it('asks again with environment and digest before each decision', () => {
    const [approve, reject, open] = buttons(approval());
    for (const [button, word] of [
      [approve, 'Approve'],
      [reject, 'Reject'],
    ] as const) {
      expect(button).toMatchObject({ value: HANDLE, confirm: { title: { text: `${word} for prod?` }, confirm: { text: word } } });
      expect(button!.confirm!.text.text).toContain('prod aaaaaa');
    }
    expect(open).toMatchObject({ action_id: 'open', url: PAGE });
    expect(open).not.toHaveProperty('value');
  });

  it('decides nothing without a handle', () => {
    const message = approval({ handle: undefined });
    expect(buttons(message).map(({ action_id }) => action_id)).toEqual(['open']);
    expect(message.blocks.some(({ type }) => type === 'input')).toBe(false);
  });

  it('says what has happened since', () => {
    expect(textsOf(approval({ news: ['Approved by Lee Lead.'] })).map(({ text }) => text)).toContain('Approved by Lee Lead.');
  });

  it('SLK-09: keeps Slack’s limits and its markup out, whatever people write', () => {
    const words = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 6_000 }),
      fc
        .constantFrom('<!channel>', '<@U1>', '<https://evil|prod ok>', '&lt;', '*bold*', ' ')
        .chain((text) => fc.nat(900).map((times) => text.repeat(times))),
    );
    fc.assert(
      fc.property(words, words, words, (justification, releaseNotes, subject) => {
        const message = approval({ message: { severity: 'critical', subject } }, { justification, releaseNotes });
        for (const { type, text } of textsOf(message)) {
          expect(type).toBe('plain_text');
          expect(text.length).toBeGreaterThan(0);
          expect(text.length).toBeLessThanOrEqual(3_000);
          expect(text).not.toMatch(/\p{Surrogate}/u);
        }
        expect(message.text).not.toMatch(/[<>]/);
        expect(message.text.length).toBeLessThanOrEqual(3_000);
        expect(message.blocks.length).toBeLessThanOrEqual(50);
        for (const block of message.blocks) {
          if (block.type === 'header') expect(block.text.text.length).toBeLessThanOrEqual(150);
          if ('fields' in block) expect(block.fields.length).toBeLessThanOrEqual(10);
        }
      }),
    );
  });

  it('SLK-09: says where the rest is of what is cut, and cuts no character in two', () => {
    const long = textsOf(approval({}, { releaseNotes: '𝒳'.repeat(5_000) })).find(({ text }) => text.startsWith('Release notes'))!;
    expect(long.text).toMatch(/𝒳… \(cut; the whole text is on the request page\)$/);
    const header = textsOf(approval({ message: { severity: 'info', subject: 'x'.repeat(200) } }))[0]!;
    expect(header.text).toBe(`${'x'.repeat(149)}…`);
  });

  it('comes back with a click in 64 KiB, whatever people write', () => {
    // Slack escapes what is not ASCII in the payload, and the form does it again.
    const message = approval(
      { gates: Array.from({ length: 30 }, (_, index) => ({ name: `${'g'.repeat(60)}${index}`, status: 'inconclusive' as const })) },
      { justification: '漢'.repeat(20_000), releaseNotes: '漢'.repeat(20_000) },
    );
    const reason = '漢'.repeat(2_000);
    const payload = { message, actions: buttons(message).slice(0, 1), state: { values: { reason: { reason: { value: reason } } } } };
    const ascii = JSON.stringify(payload).replace(
      /[^\0-\x7f]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    expect(new URLSearchParams({ payload: ascii }).toString().length).toBeLessThan(60 * 1024);
  });
});

describe('any other notice', () => {
  it('is its paragraphs as text, and the way to the request', () => {
    const message = noticeMessage({ severity: 'warning', subject: 'Blocked\n<!here>', paragraphs: ['One\nline', ''] }, PAGE);
    expect(message.text).toBe(':warning: Blocked &lt;!here&gt;');
    expect(textsOf(message).map(({ text }) => text)).toEqual(['Blocked <!here>', 'One\nline', '–', 'Open the request']);
    expect(
      textsOf(noticeMessage({ severity: 'critical', subject: 'x', paragraphs: [] }, PAGE, { label: 'Open Greenlight' })).at(-1)!.text,
    ).toBe('Open Greenlight');
    expect(buttons(message)).toEqual([expect.objectContaining({ action_id: 'open', url: PAGE })]);
  });
});

it('foreign text cannot be Slack’s markup', () => {
  expect(escapeSlack('<!channel> <https://evil|x> & <@U1>')).toBe('&lt;!channel&gt; &lt;https://evil|x&gt; &amp; &lt;@U1&gt;');
});
