// Names for things that are all strings underneath, branded so that two of different meaning do not compile when swapped.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Random UUID of one library, kept in its `.keepsake/library.json`. */
export type LibraryId = Branded<'LibraryId'>;
/** Random UUID of what the owner calls one photo or video. Never derived from name, path or content. */
export type AssetId = Branded<'AssetId'>;
/** `YYYYMMDD-HHMMSS-xxxxxx` (UTC and random): sorts by time and is safe as a file name. */
export type ImportId = Branded<'ImportId'>;
/** Stable over replugging and remounting; see `sources/`. */
export type SourceId = Branded<'SourceId'>;
/** Digest of all bytes with its algorithm's name: `sha256:<64 hex digits>`. */
export type ContentHash = Branded<'ContentHash'>;
/** `/`-separated, portable (see `library/portable-name`), never absolute, no `.` or `..`: relative to the library root. */
export type RelativePath = Branded<'RelativePath'>;
/** Absolute path on this machine. */
export type AbsolutePath = Branded<'AbsolutePath'>;
/**
 * Path of an entry inside its source: `/`-separated, relative. A name that is not UTF-8 has its odd bytes written as `\xNN`
 * (and a literal backslash then as `\x5C`), so that the text maps back to exactly one sequence of bytes.
 */
export type SourcePath = Branded<'SourcePath'>;
/** Random UUID of one copy of a library on one drive, kept there in `.keepsake/copy.json`. */
export type DriveId = Branded<'DriveId'>;
/** As an `ImportId`: of one time that the owner removed photos. Names its folder in each trash. */
export type RemovalId = Branded<'RemovalId'>;
