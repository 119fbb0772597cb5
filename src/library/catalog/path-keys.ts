// How the catalogue compares paths of the library: whatever the filesystem takes for the same, it takes for the same.

import { nameParts } from '../grouping.ts';
import { foldName } from '../portable-name.ts';

/** `2024/2024-07-14/img_1234~2`: what two assets must not share, however the filesystem compares names. */
export function foldedStemOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return foldName(path.slice(0, slash + 1) + nameParts(path.slice(slash + 1)).stem);
}
