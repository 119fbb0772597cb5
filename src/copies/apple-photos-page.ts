// What someone reads who has folders for Apple Photos before them: the steps to do, and what was left out and why. No scripts,
// nothing from elsewhere. Pure.

import { type ApplePhotosPlan, filesPerFolder, leftOutFolder, seriesNames } from './apple-photos.ts';

/** Named in the list; beyond, they are in the folder, and counted. */
const listedMax = 20_000;

export function describeApplePhotos({ folders, leftOut, same }: ApplePhotosPlan): string {
  const of = (series: keyof typeof seriesNames) => folders.filter((name) => name.startsWith(seriesNames[series]));
  const [web, mac, hidden] = [of('web'), of('mac'), of('hidden')];
  const sections = [
    `<h2>On a Mac: everything</h2>
<ol>
<li>Open the app <strong>Photos</strong>. If the photos are to be on your iPhone too: Photos, Settings, iCloud, and tick <em>iCloud Photos</em>.</li>
<li>Choose <strong>File</strong>, then <strong>Import…</strong>, pick the first folder, click <em>Review for Import</em>, then <em>Import All New Photos</em>.</li>
<li>When it is done, go on with the next folder. There are ${folders.length}: at most ${filesPerFolder} files each, so that one can be done again if something fails.</li>
</ol>
<p>Always a whole folder, never single files: a Live Photo is two files of one name, and becomes one again only if both are
imported together. An edit is in the file that ends in <code>.AAE</code>, which belongs to its photo in the same way.</p>`,
    web.length === 0
      ? ''
      : `<h2>Without a Mac: the ordinary photos</h2>
<p>The website <code>iCloud.com</code> takes pictures ending in <code>.JPG</code> only. Those are in ${range(web)}: open Photos there, click
the upload button (a cloud with an arrow), select all files of one folder, and wait until it is done.</p>`,
    mac.length === 0
      ? ''
      : `<p>Live Photos, videos, edited photos and other pictures are in ${range(mac)}. They need a Mac: anybody’s will do, for an afternoon.</p>`,
    hidden.length === 0
      ? ''
      : `<h2>Hidden photos</h2>
<p>What was hidden on the iPhone is in ${range(hidden)}. Photos does not know that it was hidden: import it last, select all of it, and choose
<em>Image</em>, <em>Hide</em>.</p>`,
    leftOut.length === 0
      ? ''
      : `<h2>${leftOutFolder}</h2>
<p>${leftOut.length.toLocaleString('en')} ${leftOut.length === 1 ? 'file is' : 'files are'} in the folder <code>${leftOutFolder}</code>, since Photos
cannot take ${leftOut.length === 1 ? 'it' : 'them'}. The list there says why. Keep that folder: nothing in it is lost, it is only no use to Photos.</p>`,
    same.length === 0
      ? ''
      : `<p>${same.length.toLocaleString('en')} ${same.length === 1 ? 'file is' : 'files are'} not here a second time, being the same as another one of the same photo.</p>`,
  ];
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Photos for Apple Photos</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
  h1 { font-size: 1.5rem; line-height: 1.3; }
  h2 { font-size: 1.15rem; margin-top: 2rem; }
  code { background: #eee; padding: 0.1rem 0.3rem; border-radius: 3px; }
</style>
<h1>Photos for Apple Photos</h1>
<p>Keepsake put these folders together. They are copies: your photo folder and your drives still have all of it, and each file here was
checked after it was written. Keep this folder until you have seen the photos in Photos.</p>
${sections.filter((section) => section !== '').join('\n')}
</html>
`;
}

/** The list in the folder of what was left out; undefined if nothing was. */
export function listLeftOut({ leftOut, same }: ApplePhotosPlan): string | undefined {
  if (leftOut.length + same.length === 0) return undefined;
  const lines = ['Files that were not put into the folders for Photos, and why:', ''];
  for (const { path, why } of leftOut.slice(0, listedMax)) lines.push(`${oneLine(path)}`, `    ${why}`);
  for (const { path, as } of same.slice(0, listedMax))
    lines.push(`${oneLine(path)}`, `    Not given a second time: the same as ${oneLine(as)}`);
  const more = Math.max(0, leftOut.length - listedMax) + Math.max(0, same.length - listedMax);
  if (more > 0) lines.push('', `… and ${more.toLocaleString('en')} more.`);
  return `${lines.join('\n')}\n`;
}

export const pageName = 'READ ME FIRST.html';
export const listName = `${leftOutFolder}/Why these files are here.txt`;

function range(names: readonly string[]): string {
  const [first, last] = [names[0] ?? '', names.at(-1) ?? ''];
  return first === last
    ? `the folder <code>${first}</code>`
    : `the folders <code>${first}</code> to <code>${last}</code>`;
}

function oneLine(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return path.replace(/[\u0000-\u001f\u007f]/g, '?');
}
