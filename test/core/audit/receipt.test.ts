import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelopeText, IN_TOTO, isSignedBy, readEnvelope } from '../../../core/audit/dsse.ts';
import { inclusionSides } from '../../../core/audit/inclusion-sides.ts';
import { entryOf, summaryOf } from '../../../core/audit/log-entry.ts';
import { type ReceiptStatement, receiptOf } from '../../../core/audit/receipt.ts';
import { hasReceipt } from '../../../core/audit/receipt-due.ts';
import { checkpointInReceipt, NotAReceipt, verifyReceipt } from '../../../core/audit/verify-receipt.ts';
import { keyPair } from './log-fixture.ts';
import { EVENT_DRAFTS, enveloped, facts, logged, logKeys, promotion, receipt, receiptKeys } from './receipt-fixture.ts';

type Change = (predicate: ReceiptStatement['predicate'], statement: ReceiptStatement) => void;
const verdictOf = (bytes: Buffer, trust = logKeys.publicKey) => {
  const verdict = verifyReceipt(bytes, trust);
  return verdict.valid ? 'valid' : `${verdict.reason}: ${verdict.detail}`;
};
const changed = (change: Change) => verdictOf(receipt((statement) => change(statement.predicate, statement)));

describe('a receipt', () => {
  it('says everything that was decided, found, copied and run, and verifies with the key of the log alone', () => {
    const bytes = receipt();
    expect(verdictOf(bytes)).toBe('valid');
    const { predicate } = receiptOf(facts());
    expect(predicate).toMatchObject({
      request: { id: promotion.id, retryOf: 'PR-2026-0006' },
      failure: { code: 'STABLE_UNHEALTHY', step: 'smoke' },
      requester: { id: 'p-dev', email: 'dev@example.com', name: 'DEV' },
      approvals: [
        { by: { id: 'p-lead', name: 'LEAD' } },
        { by: { id: 'p-security', name: null }, onBehalfOf: 'away@example.com', automated: 'scanner', withdrawn: true },
        { by: { id: 'p-qa', email: null, name: null }, decision: 'reject' },
      ],
      waivers: [{ gate: 'health', by: 'admin@example.com' }],
      copy: { sourceRoot: 'sha256:root', registries: [{ closureRoot: 'sha256:root' }, { closureRoot: null }] },
      rollout: [{ step: 'canary:10', achievedWeight: 10 }, { step: 'canary:50' }],
    });
    expect(checkpointInReceipt(bytes)?.toString()).toBe(predicate.log.checkpoint);
    expect(checkpointInReceipt(Buffer.from('no receipt'))).toBeUndefined();
  });

  it('of a promotion that copied and ran nothing has none of it', () => {
    const { copy: _, rollout: __, waivers: ___, failure: ____, retryOf: _____, ...bare } = promotion;
    const events = EVENT_DRAFTS.filter(({ type }) => !/^(copy|rollout)/.test(type));
    const { planHash } = facts().promotion;
    const log = logged({ events });
    const bytes = receipt(() => {}, { promotion: { ...bare, planHash }, log });
    expect(verdictOf(bytes)).toBe('valid');
    const { predicate } = receiptOf(facts({ promotion: { ...bare, planHash }, log }));
    expect(predicate).toMatchObject({ copy: null, rollout: [], waivers: [] });
    expect([predicate.failure, predicate.request.retryOf]).toEqual([undefined, undefined]);
    const { copy: unrooted, failure } = { copy: { registries: [] }, failure: { code: 'X', message: '' } };
    expect(receiptOf(facts({ promotion: { ...promotion, planHash, copy: unrooted, failure } })).predicate).toMatchObject({
      copy: { sourceRoot: null },
      failure: { code: 'X' },
    });
  });

  it('is due for what was done in an environment, and for nothing else', () => {
    for (const phase of ['succeeded', 'rolled_back', 'failed'] as const) {
      expect(hasReceipt({ phase, fence: 1 })).toBe(true);
      expect(hasReceipt({ phase })).toBe(false);
    }
    expect(hasReceipt({ phase: 'promoting', fence: 1 })).toBe(false);
  });
});

describe('a receipt is refused', () => {
  it.each<[string, Change]>([
    [
      'another artifact',
      (predicate) => {
        predicate.request.artifact = 'other';
      },
    ],
    [
      'another environment',
      (predicate) => {
        predicate.request.to = 'dev';
      },
    ],
    [
      'another tenant',
      (predicate) => {
        predicate.request.tenant = 'tenant-retail';
      },
    ],
    [
      'another outcome',
      (predicate) => {
        predicate.outcome = 'failed';
      },
    ],
    [
      'another requester',
      (predicate) => {
        predicate.requester.id = 'p-eve';
      },
    ],
    [
      'another approver',
      (predicate) => {
        predicate.approvals[0]!.by.id = 'p-eve';
      },
    ],
    [
      'another decision',
      (predicate) => {
        predicate.approvals[0]!.decision = 'reject';
      },
    ],
    [
      'other gates seen',
      (predicate) => {
        predicate.approvals[0]!.gatesHash = 'x';
      },
    ],
    ['an approver left out', (predicate) => void predicate.approvals.shift()],
    [
      'other evidence',
      (predicate) => {
        predicate.gates[0]!.message = 'never looked';
      },
    ],
    [
      'a gate that never ran',
      (predicate) => void predicate.gates.push({ ...predicate.gates[0]!, definitionHash: 'sha256:x', evidence: '' }),
    ],
    [
      'a waiver of nobody',
      (predicate) => {
        predicate.waivers[0]!.review = 'rv-2';
      },
    ],
    [
      'a copy of something else',
      (predicate) => {
        predicate.copy!.registries[0]!.closureRoot = 'sha256:other';
      },
    ],
    [
      'a step that never was',
      (predicate) => {
        predicate.rollout[0]!.step = 'canary:100';
      },
    ],
  ])('STATEMENT_MISMATCH with %s, whoever signs it', (_, change) => {
    expect(changed(change)).toMatch(/^STATEMENT_MISMATCH: .+ is not as the log has it$/);
  });

  it('STATEMENT_MISMATCH with a gate that its evidence names and the log does not', () => {
    const extra = { name: 'extra', type: 'http', status: 'passed', message: '', resolution: '', definitionHash: 'sha256:e' } as const;
    expect(verdictOf(receipt(() => {}, { gates: [...facts().gates, extra] }))).toBe(
      'STATEMENT_MISMATCH: gate extra is not as the log has it',
    );
    const waived = { ...extra, status: 'waived' } as const;
    expect(verdictOf(receipt(() => {}, { gates: [...facts().gates, waived] }))).toContain('gate extra');
  });

  it('PLAN_MISMATCH with another plan, or when subject, request and plan name several digests', () => {
    expect(
      changed(({ plan }) => {
        plan['to'] = 'dev';
      }),
    ).toContain('PLAN_MISMATCH');
    expect(
      changed((_, { subject }) => {
        subject[0].digest.sha256 = 'f'.repeat(64);
      }),
    ).toContain('PLAN_MISMATCH');
    const digest = `sha256:${'f'.repeat(64)}`;
    const both: Change = ({ request }, { subject }) => {
      request.digest = digest;
      subject[0].digest.sha256 = 'f'.repeat(64);
    };
    expect(changed(both)).toContain('do not name one digest');
  });

  it('CHAIN_BROKEN with an event of another request, in another place, or left out', () => {
    expect(changed(({ log }) => void log.events.shift())).toContain('CHAIN_BROKEN');
    expect(changed(({ log }) => void log.events.splice(3, 1))).toContain('CHAIN_BROKEN');
    expect(changed(({ log }) => void log.events.reverse())).toContain('CHAIN_BROKEN');
    expect(changed(({ log }) => void log.events.push(log.keyDeclared))).toContain('CHAIN_BROKEN');
    expect(
      changed(({ request }) => {
        request.id = 'PR-2026-0001';
      }),
    ).toContain('CHAIN_BROKEN');
    expect(changed(({ log }) => void log.events.pop())).toContain('STATEMENT_MISMATCH');
  });

  it('ROOT_MISMATCH with an event that is not in the log, BAD_CHECKPOINT with a state of another log or none', () => {
    expect(
      changed(({ log }) => {
        log.events[0]!.line = log.events[0]!.line.replace('p-dev', 'p-eve');
      }),
    ).toContain('ROOT_MISMATCH');
    expect(
      changed(({ log }) => {
        log.keyDeclared.index = 0;
      }),
    ).toContain('ROOT_MISMATCH');
    expect(
      changed(({ log }) => {
        log.checkpoint = 'none';
      }),
    ).toContain('BAD_CHECKPOINT');
    expect(
      changed(({ log }) => {
        log.origin = 'another/audit';
      }),
    ).toContain('BAD_CHECKPOINT');
    expect(
      changed(({ log }) => {
        log.checkpoint = log.checkpoint.replace(/\n\d+\n/, '\n12\n');
      }),
    ).toContain('BAD_SIGNATURE');
  });

  it('UNKNOWN_KEY when the log has no such key, or an event of another kind declares the key of the receipt', () => {
    expect(verdictOf(receipt(), keyPair().publicKey)).toContain('UNKNOWN_KEY');
    expect(verdictOf(receipt(() => {}, { log: logged({ declared: { rid: 'sys:receipts', type: 'token.created' } }) }))).toContain(
      'UNKNOWN_KEY',
    );
    expect(verdictOf(receipt(() => {}, { log: logged({ declared: { rid: 'sys:token:x', type: 'receipt.key_declared' } }) }))).toContain(
      'UNKNOWN_KEY',
    );
  });

  it('when the log itself holds no key and no event where there should be one', () => {
    expect(verdictOf(receipt(() => {}, { log: logged({ spki: 'AAAA' }) }))).toContain('UNKNOWN_KEY');
    for (const first of ['no json', 'null', '7', '{}'])
      expect(verdictOf(receipt(() => {}, { log: logged({ first }) })), first).toContain('CHAIN_BROKEN');
    // What is wrong with the call is no verdict on the receipt.
    const bytes = receipt(({ predicate }) => {
      predicate.log.keys = [];
    });
    expect(() => verifyReceipt(bytes, 'no key' as never)).toThrow();
  });

  it('BAD_SIGNATURE when another key signs, or the same key another kind of document', () => {
    const statement = receiptOf(facts());
    expect(verdictOf(enveloped(statement, { keys: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) }))).toContain('BAD_SIGNATURE');
    expect(verdictOf(enveloped(statement, { payloadType: 'text/plain' }))).toContain('BAD_SIGNATURE');
    const forged = readEnvelope(enveloped(statement))!;
    expect(
      verdictOf(
        Buffer.from(envelopeText({ ...forged, payload: Buffer.from(JSON.stringify({ ...statement, _type: statement._type }, null, 1)) })),
      ),
    ).toContain('BAD_SIGNATURE');
  });

  it('as none at all when it is no envelope, or one of something else', () => {
    const whole = receiptOf(facts());
    const other = { payloadType: 'text/plain', keyid: 'k', signature: Buffer.from('s') };
    for (const bytes of [
      Buffer.from('{}'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(envelopeText({ ...other, payload: Buffer.from('no json') })),
      enveloped(Buffer.from('null')),
      enveloped(Buffer.from('1')),
      enveloped({}),
      enveloped({ ...whole, predicateType: 'https://slsa.dev/provenance/v1' }),
    ])
      expect(() => verifyReceipt(bytes, logKeys.publicKey)).toThrow(NotAReceipt);
  });

  it('as changed when it is a receipt that cannot be read any more', () => {
    const whole = receiptOf(facts());
    for (const bytes of [
      enveloped(Buffer.from('no json')),
      enveloped(Buffer.from([0x22, 0xff, 0x22])),
      enveloped({ ...whole, more: 1 }),
      enveloped({ ...whole, _type: 'https://in-toto.io/Statement/v0.1' }),
      enveloped({ ...whole, predicate: { ...whole.predicate, more: 1 } }),
    ])
      expect(verdictOf(bytes)).toContain('BAD_SIGNATURE');
  });

  it('or accepted, but never answered with another error, whatever bytes come', () => {
    const text = receipt().toString('utf8');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 4 }), fc.nat(40), (at, put, cut) => {
        const bytes = Buffer.from(text.slice(0, at) + put + text.slice(at + cut));
        try {
          verifyReceipt(bytes, logKeys.publicKey);
        } catch (error) {
          expect(error).toBeInstanceOf(NotAReceipt);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('an envelope', () => {
  const parts = { payloadType: IN_TOTO, payload: Buffer.from('{}'), keyid: 'k', signature: Buffer.from('s') };
  it('is read as it was written, and nothing that is nearly one', () => {
    const text = envelopeText(parts);
    expect(readEnvelope(Buffer.from(text))).toEqual(parts);
    const { signatures, ...rest } = JSON.parse(text) as { payload: string; signatures: { keyid: string; sig: string }[] };
    for (const wrong of [
      { ...rest, signatures: [] },
      { ...rest, signatures: [...signatures, ...signatures] },
      { ...rest, signatures, more: 1 },
      { ...rest, signatures, payload: 'e30' },
      // Bits behind the last byte that nothing reads.
      { ...rest, signatures, payload: 'e31=' },
      { ...rest, signatures: [{ ...signatures[0]!, sig: 'cx==' }] },
    ])
      expect(readEnvelope(Buffer.from(JSON.stringify(wrong))), JSON.stringify(wrong)).toBeUndefined();
  });

  it('is signed by a key that it names only', () => {
    expect(isSignedBy(receiptKeys.publicKey, parts)).toBe(false);
    const envelope = readEnvelope(enveloped({}))!;
    expect(isSignedBy(receiptKeys.publicKey, envelope)).toBe(true);
    expect(isSignedBy(receiptKeys.publicKey, { ...envelope, keyid: 'sha256:0' })).toBe(false);
  });
});

describe('the sides of a proof', () => {
  it('are as many as the tree wants, and none for what is not in it', () => {
    expect(inclusionSides(0, 1, 0)).toEqual([]);
    expect(inclusionSides(0, 2, 1)).toEqual(['right']);
    expect(inclusionSides(1, 2, 1)).toEqual(['left']);
    expect(inclusionSides(4, 5, 1)).toEqual(['left']);
    for (const [index, size, length] of [
      ...[
        [0, 0, 0],
        [2, 2, 1],
        [-1, 2, 1],
        [0.5, 2, 1],
        [0, Number.NaN, 1],
        [Number.NaN, 1, 0],
      ],
      ...[
        [0, 2, 0],
        [0, 2, 2],
        [0, 1, 1],
      ],
    ] as [number, number, number][])
      expect(inclusionSides(index, size, length), `${index} of ${size}`).toBeUndefined();
  });
});

describe('a line that is shown', () => {
  const whole = {
    ...{ id: 'e1', rid: 'PR-1', type: 'rollout.step', ts: '2026-03-01T10:00:00Z', tenant: 't', artifact: 'a', digest: 'd', from: 'dev' },
    ...{ to: 'prod', plan: 'p', actor: { id: 'p-1', auth: 'oidc', channel: 'rest' }, data: { step: 'canary:10', hash: 'x', count: '' } },
  };
  const read = (value: unknown) => entryOf(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), 7);

  it('is what it says, with nothing where it says nothing', () => {
    expect(read(whole)).toEqual({ index: 7, ...whole });
    expect(read({ id: 'e1', rid: 1, artifact: {} })).toEqual({
      ...{ index: 7, id: 'e1', rid: '', type: '', ts: '', tenant: '', actor: { id: '', auth: '', channel: '' } },
      ...{ artifact: null, digest: null, from: null, to: null, plan: null, data: {} },
    });
    for (const foreign of ['', 'no json', 'null', '7', '[]', '{"id":7}']) expect(read(foreign), foreign).toBeUndefined();
  });

  it('has a sentence: what happened where, and the facts that people look for', () => {
    expect(summaryOf(read(whole)!)).toBe('rollout step of a: dev → prod (PR-1; step canary:10)');
    expect(summaryOf(read({ ...whole, from: null })!)).toBe('rollout step of a in prod (PR-1; step canary:10)');
    expect(summaryOf(read({ ...whole, to: null, data: { registries: ['x', 'y'], reason: null } })!)).toBe(
      'rollout step of a (PR-1; registries x, y)',
    );
    expect(summaryOf(read({ ...whole, artifact: null, type: 'log.key_added', data: {} })!)).toBe('log key added (PR-1)');
  });
});
