// What the reading child says to its parent: one JSON text a line. First `facts`, then any number of `assets`, then `end`; or
// `failed` at any point. A stream without `end` was cut off.

import type { PhotosAsset, PhotosLibraryFacts } from '../../domain/photos-asset.ts';
import { assetLineBytesMax, cleanText, parseAsset, parseFacts } from './claims.ts';

export type ReaderMessage =
  | { readonly facts: PhotosLibraryFacts }
  | { readonly assets: readonly PhotosAsset[] }
  | { readonly end: { readonly assets: number } }
  | { readonly failed: string };

export const batchAssetsMax = 256;
/** A batch that has this many characters is sent; one asset more may have been put in it. */
export const batchLengthMax = 64 * 1024;
/** A batch in UTF-8, and the asset that overfilled it. */
export const lineBytesMax = 4 * batchLengthMax + assetLineBytesMax;
export const failureLengthMax = 500;

/** The message, if the line is one in every detail. */
export function parseMessage(line: string): ReaderMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // not JSON, or nested more deeply than there is stack
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const [entry, ...others] = Object.entries(value);
  if (entry === undefined || others.length > 0) return undefined;
  const [kind, content] = entry as [string, unknown];
  switch (kind) {
    case 'facts': {
      const facts = parseFacts(content);
      return facts && { facts };
    }
    case 'assets': {
      const assets = parseAssets(content);
      return assets && { assets };
    }
    case 'end': {
      const assets =
        typeof content === 'object' && content !== null && 'assets' in content ? content.assets : undefined;
      return typeof assets === 'number' ? { end: { assets } } : undefined;
    }
    case 'failed':
      return typeof content === 'string' ? { failed: cleanText(content).slice(0, failureLengthMax) } : undefined;
    default:
      return undefined;
  }
}

function parseAssets(value: unknown): readonly PhotosAsset[] | undefined {
  if (!Array.isArray(value) || value.length > batchAssetsMax) return undefined;
  const assets: PhotosAsset[] = [];
  for (const entry of value) {
    const asset = parseAsset(entry);
    if (asset === undefined) return undefined;
    assets.push(asset);
  }
  return assets;
}
