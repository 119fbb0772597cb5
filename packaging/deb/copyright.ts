// The copyright file of the package (Debian's machine-readable format 1.0): ours, and that of each library inside, with its licence
// as it came. Throws for a library that does not say under which licence it is.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly license?: string;
  readonly author?: string | { readonly name?: string };
}

/** `packages`: the folders of the libraries below `root`. */
export function renderCopyright(root: string, packages: readonly string[]): string {
  const own = readManifest(join(root, 'usr/lib/keepsake'));
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: Keepsake',
    'Comment: Each library is as its makers published it on the npm registry, without what is only for other systems.',
    '',
    'Files: *',
    'Copyright: The authors of Keepsake',
    `License: ${own.license}`,
    indented(mitText),
    '',
    ...packages.flatMap((folder) => [...paragraph(root, folder), '']),
  ].join('\n');
}

function paragraph(root: string, folder: string): readonly string[] {
  const { name, license, author } = readManifest(folder);
  if (license === undefined) throw new Error(`${name} does not say under which licence it is`);
  const file = readdirSync(folder).find((each) => /^(licen[sc]e|copying)(\.\w+)?$/i.test(each));
  const text =
    file === undefined ? undefined : readFileSync(join(folder, file), 'utf8').replaceAll(apacheText, apacheHere);
  const by = typeof author === 'string' ? author.replace(/\s*[<(].*/, '') : author?.name;
  const holders = (text ?? '').split('\n').filter((line) => /^\s*(copyright|\(c\)|©)\s.*\d{4}/i.test(line));
  const [first = by ?? `The authors of ${name}`, ...others] = holders.slice(0, holdersMax).map((line) => line.trim());
  return [
    `Files: ${relative(root, folder)}/*`,
    ...[`Copyright: ${first}`, ...others.map((line) => ` ${line}`)],
    `License: ${license.replaceAll(/[()]/g, '').replaceAll(' OR ', ' or ').replaceAll(' AND ', ' and ')}`,
    indented(text ?? `${license}: its makers give no further text.`),
  ];
}

/** Debian has it once for all. */
const apacheText = /^[ \t]*Apache License\s+Version 2\.0[\s\S]*?END OF TERMS AND CONDITIONS/gm;
const apacheHere = 'Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0';

/** The licence of Node.js has those of all that is in it. */
const holdersMax = 20;

function readManifest(folder: string): Manifest {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) throw new Error(`${folder} is not a package`);
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** A field's text in Debian's control files: indented, a full stop where a line is empty. */
function indented(text: string): string {
  const lines = text.replaceAll(/\r/g, '').trim().split('\n');
  return lines.map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`)).join('\n');
}

const mitText = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify,
merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished
to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
