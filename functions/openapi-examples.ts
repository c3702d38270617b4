/** Bodies that work as they stand against the demo, by operation. */
const REQUEST = {
  target: { type: 'api', name: 'payment-api', version: '1.1.0' },
  request: {
    justification: 'New PCI-DSS compliant payment flow',
    releaseNotes: '- Added 3DS2 authentication\n- Fixed timeout issues\n',
    impactAssessment: 'low',
    rollbackPlan: 'The engine restores 1.0.0; nothing else has to be undone',
  },
  preChecks: {
    stagingTestsPassed: true,
    securityScanPassed: true,
    performanceTestsPassed: true,
    testEvidenceUrl: 'https://ci.example.com/pipelines/12345',
  },
};

export const EXAMPLES: Readonly<Record<string, unknown>> = {
  preview: REQUEST,
  createRequest: REQUEST,
  editRequest: { request: { impactAssessment: 'medium' } },
  previewRollback: { artifact: 'payment-api', to: '1.0.0', reason: 'Payments fail since 1.1.0, incident 4711' },
  createRollback: { artifact: 'payment-api', to: '1.0.0', reason: 'Payments fail since 1.1.0, incident 4711' },
  runConnectionTest: { artifact: 'payment-api' },
  putConsumer: {
    artifact: 'payment-api',
    product: 'orders-analytics',
    pipelines: [
      { name: 'hourly-orders', state: true },
      { name: 'daily-report', state: false },
    ],
    storageGb: 50,
    owner: 'orders@example.com',
    restartSeconds: 240,
  },
  previewRetention: { artifact: 'payment-api' },
  applyRetention: { planId: 'gc-0123456789abcdef' },
  setLifecycle: {
    status: 'deprecated',
    deprecationDate: '2026-10-01',
    eolDate: '2030-12-31',
    replacement: '1.1.0',
    supportWindow: '12 months',
    reason: 'Replaced by the flow with 3DS2',
  },
  setQuarantine: { reason: 'Incident 4711: it charges twice', quarantined: true },
  createSubscription: { url: 'https://hooks.example.com/greenlight', events: ['promotion.*', 'rollback.*'], environments: ['prod'] },
  createMute: { event: 'promotion.started', environment: 'staging' },
  exportAudit: { format: 'csv', from: '2026-01-01T00:00:00Z' },
  createToken: { name: 'nightly', expiresInDays: 30, verbs: ['read', 'request'], environments: ['staging'] },
  approveRequest: { comment: 'Approved after review' },
  breakGlass: { gate: 'http', reason: 'Incident 4711: the gate service is down, the release was checked by hand' },
  createDelegation: { to: 'security@example.com', until: '2027-01-07T08:00:00Z' },
  closeReview: { outcome: 'justified', finding: 'The gate service was down; its checks pass now' },
  rejectRequest: { reason: 'The rollback plan does not cover the new table' },
};
