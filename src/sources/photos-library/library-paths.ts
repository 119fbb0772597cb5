// Which files of a Photos library of a Mac are photos of its owner, and under which names their parts stand beside each other. Pure.
// Names as seen in libraries of macOS 10.15 to 15.7.2, and in osxphotos (photoinfo.py; issues 50, 101, 486):
//
//   originals/3/UUID.heic                  the original; 3 is the first digit of its UUID
//   originals/3/UUID_3.mov                 the moving half of a Live Photo. The number is ZRESOURCETYPE of the database
//   originals/3/UUID_4.cr2                 the RAW of a RAW and JPEG
//   originals/3/UUID_5.aae                 adjustments made when it was taken: a portrait's blur, a video's cut
//   resources/renders/3/UUID_1_201_a.jpeg  the edited still, in full size; .heic too
//   resources/renders/3/UUID_2_0_a.mov     the edited video
//   resources/renders/3/UUID_2_100_a.mov   the moving half of an edited Live Photo
//   resources/renders/3/UUID.plist         what was edited. Alone, if Photos did not need to write a picture for it (slow motion)
//   resources/renders/3/UUID_p.jpeg        the edit before the last: not what the owner sees, and left out
//   resources/derivatives/3/UUID_1_105_c.jpeg, UUID_1_102_o.jpeg, UUID_1_102_a.jpeg, UUID.THM, masters/3/UUID_4_5005_c.jpeg
//                                          reduced copies, of 1024, 2048 and 480 pixels at most: never a photo
//
// The last letter tells of what it is made: `a` adjusted, `o` original, `c` whichever is shown, `p` the one before.

import type { SourcePath } from '../../domain/ids.ts';

export const originalsFolder = 'originals';
export const rendersFolder = 'resources/renders';
export const thumbnailsFolder = 'resources/derivatives/masters';

const uuid = '[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}';
const plainPattern = new RegExp(`(?:^|/)${uuid}\\.\\w+$`, 'i');
const companionPattern = new RegExp(`^(.*/)?(${uuid})_[345](\\.\\w+)$`, 'is');
const renditionPattern = new RegExp(`^(.*/)?(${uuid})_(?:1_201|2_0|2_100)_a(\\.\\w+)$`, 'is');
const adjustmentsPattern = new RegExp(`^(.*/)?(${uuid})\\.plist$`, 'is');
const thumbnailPattern = new RegExp(`^(.*/)?(${uuid})_4_5005_c\\.\\w+$`, 'is');

/** True for a name that a companion could be shown under. */
export function isPlainName(path: SourcePath): boolean {
  return plainPattern.test(path);
}

/** For a part of a photo that has a number in its name: the path beside its photo, with the photo's stem. */
export function companionPath(path: SourcePath): SourcePath | undefined {
  const [, folder = '', stem, ending] = companionPattern.exec(path) ?? [];
  return stem === undefined ? undefined : (`${folder}${stem}${ending}` as SourcePath);
}

/**
 * For a file below `rendersFolder`: the paths beside its original that it may be shown under, the best first. None: it is not shown.
 * @param path below that folder: `3/UUID_1_201_a.jpeg`.
 */
export function editPaths(path: SourcePath): readonly SourcePath[] {
  const [, folder = '', stem, ending] = renditionPattern.exec(path) ?? [];
  if (stem !== undefined) return [`${originalsFolder}/${folder}${stem}-edited${ending}` as SourcePath];
  const [, place = '', subject] = adjustmentsPattern.exec(path) ?? [];
  if (subject === undefined) return [];
  // The first belongs to the original if that has adjustments of its own.
  return [
    `${originalsFolder}/${place}${subject}.AAE` as SourcePath,
    `${originalsFolder}/${place}${subject}-edited.AAE` as SourcePath,
  ];
}

/** For an original: true if an edit could be shown under this path too. */
export function isLikeAnEdit(path: SourcePath): boolean {
  return /(?:-edited\.\w+|\.AAE)$/i.test(path);
}

/** For a file below `thumbnailsFolder`: its original's path, without an ending, which a thumbnail does not tell. */
export function thumbnailSubject(path: SourcePath): SourcePath | undefined {
  const [, folder = '', stem] = thumbnailPattern.exec(path) ?? [];
  return stem === undefined ? undefined : (`${originalsFolder}/${folder}${stem}` as SourcePath);
}
