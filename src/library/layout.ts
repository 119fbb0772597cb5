// Where in the library an asset is filed: a folder from its capture date, by a template the owner may change. Pure.

import { AgentError } from '../domain/errors.ts';
import type { RelativePath } from '../domain/ids.ts';
import type { CaptureDate } from '../domain/media.ts';
import { foldName } from './portable-name.ts';

export const defaultLayout = '{YYYY}/{YYYY}-{MM}-{DD}/{name}';
const undatedFolder = 'undated';
/** Photos that are not filed among the others, and the folders they are filed below. The first is for its owner's eyes only. */
export type Shelf = 'hidden' | 'shared';
export const shelfFolders = { hidden: 'hidden', shared: 'shared with me' } as const satisfies Record<Shelf, string>;
const layoutLengthMax = 200;

export interface Layout {
  /** Folder of an asset, relative to the library's root, without a trailing slash. */
  folderFor(date: CaptureDate, shelf?: Shelf): RelativePath;
}

/** @throws AgentError CONFIG_INVALID if the template is not made of folders with {YYYY}, {MM}, {DD} and a final {name}. */
export function parseLayout(template: string): Layout {
  const invalid = (why: string) =>
    new AgentError('CONFIG_INVALID', `The layout "${template}" cannot be used: ${why}.`, {
      remedy: `Write something like "${defaultLayout}".`,
    });
  if (template.length > layoutLengthMax) throw invalid(`it is longer than ${layoutLengthMax} characters`);
  const folders = template.split('/');
  if (folders.pop() !== '{name}') throw invalid('it must end in "/{name}"');
  if (folders.length === 0) throw invalid('it needs at least one folder');
  for (const folder of folders) {
    const rest = folder.replaceAll(/\{(YYYY|MM|DD)\}/g, '');
    if (/[{}]/.test(rest)) throw invalid('it may contain {YYYY}, {MM}, {DD} and {name} only');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    if (folder === '' || /[<>:"\\|?*\u0000-\u001f]/.test(rest) || /[. ]$/.test(folder) || folder.startsWith('.')) {
      throw invalid(`"${folder}" is not a folder name that every disk takes`);
    }
  }
  const first = foldName(folders[0] ?? '');
  if (first === undatedFolder) throw invalid(`"${undatedFolder}" is for photos without a date`);
  if (Object.values<string>(shelfFolders).includes(first)) throw invalid(`"${first}" is for photos of its own`);
  const pattern = folders.join('/');
  return {
    folderFor: (date, shelf) => {
      const start = shelf === undefined ? '' : `${shelfFolders[shelf]}/`;
      if (date.basis === 'undated') return `${start}${undatedFolder}` as RelativePath;
      const [year = '', month = '', day = ''] = date.local.slice(0, 10).split('-');
      const folder = pattern.replaceAll('{YYYY}', year).replaceAll('{MM}', month).replaceAll('{DD}', day);
      return `${start}${folder}` as RelativePath;
    },
  };
}
