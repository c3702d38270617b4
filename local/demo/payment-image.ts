/** payment-api as a two-platform OCI image. */
import { buildImage, type Image } from './image-content.ts';

/** `healthy` is the behaviour that the sample app reads: `true`, `false`, `after-50` (or another number), `crash`, `until-told`. */
export function buildPaymentImage(version: string, healthy: string): Promise<Image> {
  return buildImage({
    labels: {
      'org.opencontainers.image.title': 'payment-api',
      'org.opencontainers.image.version': version,
      'greenlight.demo.healthy': healthy,
    },
    // Differs by version and platform, as a program would.
    layersOf: (platform) => [`#!/bin/sh\necho payment-api ${version} ${platform}\n`],
  });
}
