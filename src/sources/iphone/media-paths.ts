// Which files of a phone are photos of its owner, and under which names people know them. Pure. Facts: docs/iphone.md, "Where the
// photos are".

import type { SourcePath } from '../../domain/ids.ts';

/** Folders that are listed, with all below them. Everything else of a phone is thumbnails, caches, music and books. */
export const mediaRoots = ['DCIM', 'PhotoData/CPLAssets', 'PhotoData/Mutations'] as const;

/** Copies of what other people put into shared albums: PhotoData/PhotoCloudSharingData/<person>/<album>/100CLOUD/<file>. */
export const sharedRoot = 'PhotoData/PhotoCloudSharingData';
const sharedPattern = /^PhotoData\/PhotoCloudSharingData\/.+\/\d+CLOUD\/[^/]+$/;
export const thumbnailsRoot = 'PhotoData/Thumbnails/V2';

const mutations = 'PhotoData/Mutations/';
/** What an edit leaves: PhotoData/Mutations/<folder of the original>/<its stem>/Adjustments/<file>. */
const editPattern = /^PhotoData\/Mutations\/(.+)\/([^/]+)\/Adjustments\/([^/]+)$/;
const renditionPattern = /^(.+)\.(\w+)$/;
/** Of what lies there: the edited still and its moving half. What is called otherwise is a reduced or intermediate copy. */
const renditionStem = 'fullsizerender';

export type MediaPlace =
  | { readonly kind: 'original' }
  /** To be filed as if it lay at `presentedAs`, beside its original. */
  | { readonly kind: 'edit'; readonly presentedAs: SourcePath }
  /** Reduced copies, and what only Photos understands. */
  | { readonly kind: 'none' };

/** @param path of a file below one of `mediaRoots`. */
export function placeOf(path: SourcePath): MediaPlace {
  // iOS keeps its own things in hidden and MISC folders of DCIM. A file may be called anything and be a photo.
  if (path.startsWith('DCIM/'))
    return path
      .split('/')
      .slice(0, -1)
      .some((part) => part.startsWith('.') || part === 'MISC')
      ? none
      : original;
  if (path.startsWith(`${sharedRoot}/`)) return sharedPattern.test(path) ? original : none;
  if (!path.startsWith(mutations)) return original;
  const [, folder, stem, file] = editPattern.exec(path) ?? [];
  if (folder === undefined || stem === undefined || file === undefined) return none;
  if (file === 'Adjustments.plist') return edit(`${folder}/${stem}.AAE`);
  const [, name, ending] = renditionPattern.exec(file) ?? [];
  // One of the original's own name was seen where the original itself was in iCloud only: rather too much than too little.
  const isRendition = name !== undefined && [renditionStem, stem.toLowerCase()].includes(name.toLowerCase());
  return isRendition ? edit(`${folder}/${editedStem(stem)}.${ending?.toUpperCase()}`) : none;
}

/**
 * The original that a folder of thumbnails belongs to, by the folder's path; `shared` if it is somebody else's; undefined for a folder
 * on the way.
 */
export function originalOfThumbnails(path: SourcePath): SourcePath | 'shared' | undefined {
  const original = path.slice(thumbnailsRoot.length + 1);
  if (!/\.\w{2,5}$/.test(original)) return undefined;
  return original.startsWith(`${sharedRoot}/`) ? 'shared' : (original as SourcePath);
}

/** IMG_1234 → IMG_E1234, as Windows and Image Capture show it; other names, of what came from iCloud, say it in words. */
function editedStem(stem: string): string {
  const [, letters, number] = /^([A-Z]{3}_)(\d{4})$/.exec(stem) ?? [];
  return letters === undefined ? `${stem}-edited` : `${letters}E${number}`;
}

function edit(path: string): MediaPlace {
  return { kind: 'edit', presentedAs: path as SourcePath };
}

const original: MediaPlace = { kind: 'original' };
const none: MediaPlace = { kind: 'none' };
