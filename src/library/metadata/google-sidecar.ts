// The JSON that Google Takeout lays beside each photo. Pure.
// Promises to survive any bytes: what is not such a sidecar, or is too large to be one, is undefined.

export interface GoogleSidecar {
  /** The photo's original name, which Takeout shortens on disk. */
  readonly title?: string;
  /** Milliseconds since 1970 UTC; negative for scans of old prints. */
  readonly photoTakenTimeMs?: number;
}

/** Real ones are about 1 KB; people tagged in a photo make them longer. */
export const googleSidecarBytesMax = 1024 * 1024;

const takenAtMsMin = Date.UTC(1826, 0, 1);
const takenAtMsMax = Date.UTC(2100, 0, 1) - 1;

/** Reads a whole sidecar; undefined if it is not one. Both facts may still be missing from it. */
export function parseGoogleSidecar(bytes: Uint8Array): GoogleSidecar | undefined {
  if (bytes.length > googleSidecarBytesMax) return undefined;
  const value = parseJson(new TextDecoder().decode(bytes)); // Drops a byte order mark.
  if (!isGooglePhotoMetadata(value)) return undefined;
  const { title } = value;
  const photoTakenTimeMs = parseTimestamp(value['photoTakenTime']);
  return {
    ...(typeof title === 'string' && title !== '' && { title }),
    ...(photoTakenTimeMs !== undefined && { photoTakenTimeMs }),
  };
}

/**
 * True for the metadata of one photo. An album's `metadata.json` has a title too, but none of the facts that only a
 * photo has. (Takeouts of 2018 to 2026 seen.)
 */
export function isGooglePhotoMetadata(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if ('photoTakenTime' in value) return true;
  return 'title' in value && ('imageViews' in value || 'url' in value || 'creationTime' in value);
}

/** The same judgement from the first part of a file that is too long to be read whole. */
export function looksLikeGooglePhotoMetadata(start: string): boolean {
  if (!start.trimStart().startsWith('{')) return false;
  const has = (key: string) => new RegExp(`"${key}"\\s*:`).test(start);
  return has('photoTakenTime') || (has('title') && (has('imageViews') || has('url') || has('creationTime')));
}

/** The value, or undefined where `text` is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON (or nested too deep for the parser): not a sidecar, which is an answer.
  }
}

/** `{ "timestamp": "1570146000", … }`, seconds. Zero is what Google writes where it knows nothing. */
function parseTimestamp(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('timestamp' in value)) return undefined;
  const { timestamp } = value;
  if (typeof timestamp !== 'number' && !(typeof timestamp === 'string' && /^-?\d{1,12}$/.test(timestamp)))
    return undefined;
  const takenAtMs = Number(timestamp) * 1000;
  return takenAtMs !== 0 && takenAtMs >= takenAtMsMin && takenAtMs <= takenAtMsMax ? takenAtMs : undefined;
}
