/**
 * Scan findings. Nothing is scanned here: findings are planted per image (an empty list says "scanned, clean"). An image without planted findings has
 * no scan, and StartImageScan refuses it as an image that cannot be scanned, so that no gate takes silence for safety.
 */
import * as z from 'zod';
import type { Repository } from '../registry/repository.ts';
import { EcrError } from './ecr-error.ts';
import { imageId, requireImage } from './image-id.ts';
import { type EcrCall, type Operation, operation, page, pageInput, repositoryInput, repositoryOf, seconds } from './operation.ts';

export const findingSchema = z.looseObject({
  name: z.string().min(1),
  severity: z.enum(['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'UNDEFINED']),
  description: z.string().optional(),
  uri: z.string().optional(),
  attributes: z.array(z.object({ key: z.string(), value: z.string().optional() })).optional(),
});

/** A finding as DescribeImageScanFindings answers it. */
export type Finding = z.output<typeof findingSchema>;

const scanInput = z.object({
  ...repositoryInput,
  imageId,
});

export const scanOperations: Record<string, Operation> = {
  DescribeImageScanFindings: operation('repository', scanInput.extend(pageInput), (call, input) => {
    const { repository, imageDigest, id } = locate(call, input);
    const scan = repository.findings.get(imageDigest);
    if (!scan) {
      const where = `'${repository.name}' in the registry with id '${call.registry.account}'`;
      throw new EcrError(
        'ScanNotFoundException',
        `Image scan does not exist for the image with '${JSON.stringify(id)}' in the repository with name ${where}`,
      );
    }
    const numbered = scan.findings.map((finding, index) => ({ finding, key: String(index).padStart(6, '0') }));
    const { items, next } = page(numbered, ({ key }) => key, input);
    return {
      registryId: call.registry.account,
      repositoryName: repository.name,
      imageId: id,
      imageScanStatus: { status: 'COMPLETE', description: 'The scan was completed successfully.' },
      imageScanFindings: { ...summary(scan), findings: items.map(({ finding }) => finding) },
      ...next,
    };
  }),
  StartImageScan: operation('repository', scanInput, (call, input) => {
    const { repository, imageDigest, id } = locate(call, input);
    if (!repository.findings.has(imageDigest)) {
      throw new EcrError(
        'UnsupportedImageTypeException',
        'The operating system and/or package manager are not supported: plant findings for this image.',
      );
    }
    return {
      registryId: call.registry.account,
      repositoryName: repository.name,
      imageId: id,
      imageScanStatus: { status: 'COMPLETE', description: 'The scan was completed successfully.' },
    };
  }),
};

/** Scan members of DescribeImages; empty without a scan. */
export function summaryOf(repository: Repository, digest: string): object {
  const scan = repository.findings.get(digest);
  return scan ? { imageScanStatus: { status: 'COMPLETE' }, imageScanFindingsSummary: summary(scan) } : {};
}

function summary({ at, findings }: { at: number; findings: Record<string, unknown>[] }): object {
  const counts: Record<string, number> = {};
  for (const { severity } of findings as { severity: string }[]) counts[severity] = (counts[severity] ?? 0) + 1;
  return { imageScanCompletedAt: seconds(at), vulnerabilitySourceUpdatedAt: seconds(at), findingSeverityCounts: counts };
}

function locate(call: EcrCall, input: z.output<typeof scanInput>): { repository: Repository; imageDigest: string; id: object } {
  const repository = repositoryOf(call, input.repositoryName);
  const imageDigest = requireImage(call, repository, input.imageId);
  const { imageTag } = input.imageId;
  return { repository, imageDigest, id: { imageDigest, ...(imageTag !== undefined && { imageTag }) } };
}
