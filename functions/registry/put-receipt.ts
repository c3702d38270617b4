/** Has the receipt of a promotion made and puts it beside the image, where the image was put. It holds nothing up for long, and ends nothing. */
import { invokeNow } from '../../adapters/promotion/function-calls.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { RECEIPT_ARTIFACT } from '../../core/audit/receipt-due.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { log } from '../kit/log.ts';
import { overRegistries, registryNamed } from './each-registry.ts';

/** Answers the receipt; undefined when it was not made in time. */
export type ReceiptSource = (requestId: string) => Promise<string | undefined>;

/** Real time that the end of a promotion waits for its receipt: sealing takes a second, and the next one in line is not to wait long. */
const LIMIT_MS = 20_000;

/** The function that makes receipts. */
export const receiptFromFunction: ReceiptSource = async (receiptOf) => {
  const { receipt } = await invokeNow<{ receipt: string | null }>(
    requiredVariable(VARIABLES.ATTEST_FUNCTION),
    { receiptOf },
    AbortSignal.timeout(LIMIT_MS),
  );
  return receipt ?? undefined;
};

/**
 * What the promotion did is done: that it cannot be proven at this moment is made up for by the schedule of the function that makes receipts, which stores
 * it; beside the image it is missing then.
 */
export async function putReceipt(writer: RegistryWriter, source: ReceiptSource, promotion: Promotion): Promise<void> {
  const { id, artifact, digest, copy } = promotion;
  try {
    const receipt = await source(id);
    if (receipt === undefined) return;
    const document = {
      artifactType: RECEIPT_ARTIFACT,
      mediaType: 'application/vnd.dsse.envelope.v1+json',
      bytes: Buffer.from(receipt),
      annotations: {
        'org.opencontainers.image.title': `${id}.json`,
        'org.opencontainers.image.created': promotion.deployedAt ?? promotion.updatedAt,
      },
    };
    const { faults } = await overRegistries(copy ?? { registries: [] }, ['verified', 'tagged'], async (name) =>
      writer.attach(await registryNamed(name), artifact, digest, document),
    );
    for (const [registry, error] of faults) log.warn('receipt not attached', { requestId: id, registry, error });
  } catch (error) {
    log.warn('receipt not made in time', { requestId: id, error });
  }
}
