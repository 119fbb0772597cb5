// Where in the library an asset is filed: a folder from its capture date, by a template the owner may change. Pure.

import { AgentError } from '../domain/errors.ts';
import type { RelativePath } from '../domain/ids.ts';
import type { CaptureDate } from '../domain/media.ts';
import { foldName } from './portable-name.ts';

export const defaultLayout = '{YYYY}/{YYYY}-{MM}-{DD}/{name}';
const undatedFolder = 'undated';
const layoutLengthMax = 200;

export interface Layout {
  /** Folder of an asset, relative to the library's root, without a trailing slash. */
  folderFor(date: CaptureDate): RelativePath;
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
  if (foldName(folders[0] ?? '') === undatedFolder) throw invalid(`"${undatedFolder}" is for photos without a date`);
  const pattern = folders.join('/');
  return {
    folderFor: (date) => {
      if (date.basis === 'undated') return undatedFolder as RelativePath;
      const [year = '', month = '', day = ''] = date.local.slice(0, 10).split('-');
      return pattern.replaceAll('{YYYY}', year).replaceAll('{MM}', month).replaceAll('{DD}', day) as RelativePath;
    },
  };
}
