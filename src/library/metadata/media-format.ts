// Which reader understands which mime type of `identifyContent`. Pure.
// Promises that exiftool, which costs a process and ten times our own readers' time, is never asked about the everyday
// formats: what those readers do not find in them is not there.

/**
 * Our own way to read it.
 * - `jpeg` to `jpegXl`: EXIF and XMP inside that container. `tiff`: the file is the EXIF block (TIFF and most RAW).
 * - `rafPreview`: EXIF of the JPEG inside a Fujifilm RAF. `canonBoxes`: a CR3. `movie`: MOV, MP4, 3GP.
 *   `transportStream`: AVCHD.
 * - `none`: exiftool or nothing.
 */
export type NativeReading =
  | 'jpeg'
  | 'png'
  | 'webp'
  | 'heif'
  | 'jpegXl'
  | 'tiff'
  | 'rafPreview'
  | 'canonBoxes'
  | 'movie'
  | 'transportStream'
  | 'none';

export interface MediaFormat {
  readonly native: NativeReading;
  /** Whether exiftool may know more where we found no date. */
  readonly asksExiftool: boolean;
}

const heif: MediaFormat = { native: 'heif', asksExiftool: false };
const png: MediaFormat = { native: 'png', asksExiftool: false };
const movie: MediaFormat = { native: 'movie', asksExiftool: false };
/** exiftool also finds the directories that a program wrote at the end, where we only look at the start. */
const tiff: MediaFormat = { native: 'tiff', asksExiftool: true };
const nothing: MediaFormat = { native: 'none', asksExiftool: false };
/**
 * Everything else: AVI, Matroska, MPEG, ASF, the RAW formats of Sigma, Minolta, Olympus and Panasonic, Canon's CRW,
 * PSD, JPEG 2000, …
 */
const foreign: MediaFormat = { native: 'none', asksExiftool: true };

const formats: Readonly<Record<string, MediaFormat>> = {
  'image/jpeg': { native: 'jpeg', asksExiftool: false },
  'image/heic': heif,
  'image/heif': heif,
  'image/heic-sequence': heif,
  'image/heif-sequence': heif,
  'image/avif': heif,
  'image/png': png,
  'image/apng': png,
  'image/webp': { native: 'webp', asksExiftool: false },
  'image/jxl': { native: 'jpegXl', asksExiftool: false },
  'image/tiff': tiff, // Many makers' RAW formats are told from TIFF only by their name.
  'image/x-adobe-dng': tiff,
  'image/x-canon-cr2': tiff,
  'image/x-nikon-nef': tiff,
  'image/x-sony-arw': tiff,
  'image/x-fujifilm-raf': { native: 'rafPreview', asksExiftool: true },
  'image/x-canon-cr3': { native: 'canonBoxes', asksExiftool: true },
  'video/quicktime': movie,
  'video/mp4': movie,
  'video/x-m4v': movie,
  'video/3gpp': movie,
  'video/3gpp2': movie,
  'video/m2ts': { native: 'transportStream', asksExiftool: true },
  // Formats without a place for a date.
  'image/bmp': nothing,
  'image/gif': nothing,
  'image/icns': nothing,
  'image/x-icon': nothing,
};

export function formatOf(mime: string): MediaFormat {
  return Object.hasOwn(formats, mime) ? (formats[mime] ?? foreign) : foreign;
}
