// READ ME FIRST.html: what someone finds who opens the drive in ten years, without us and without Keepsake. No scripts, nothing
// from elsewhere. Pure.

export interface ReadMeFacts {
  readonly libraryName: string;
  readonly files: number;
  readonly bytes: number;
  /** `2026-11-25` */
  readonly day: string;
}

export function describeCopy({ libraryName, files, bytes, day }: ReadMeFacts): string {
  const title = `Photos and videos of “${inHtml(libraryName)}”`;
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
  h1 { font-size: 1.5rem; line-height: 1.3; }
  h2 { font-size: 1.15rem; margin-top: 2rem; }
  code { background: #eee; padding: 0.1rem 0.3rem; border-radius: 3px; }
</style>
<h1>${title}</h1>
<p>This folder is a copy of a family’s photos and videos: <strong>${files.toLocaleString('en')} ${files === 1 ? 'file' : 'files'}, ${inGigabytes(bytes)}</strong>,
as they were on <strong>${day}</strong>. A program named Keepsake made it.</p>
<h2>To look at them, you need no program</h2>
<p>They are ordinary files, in folders by year and day: <code>2024</code>, then <code>2024-07-14</code>. Open a folder and open a photo.
Those whose day nobody knows are in <code>undated</code>.</p>
<p>The moving half of a Live Photo lies beside its picture under the same name: <code>IMG_1234.HEIC</code> and <code>IMG_1234.MOV</code>.</p>
<h2>To copy them to a computer</h2>
<p>Copy the folders of the years, with all that is in them, as you copy any folder. Please copy rather than move: then this copy stays.</p>
<h2>To be sure that all of it is right</h2>
<p>The folder <code>.keepsake</code>, which some systems hide, has a list of all files and what each must hold. On a Mac or on Linux, in a
terminal that stands in this folder:</p>
<p><code>sha256sum -c .keepsake/copy.sha256</code> &nbsp;or&nbsp; <code>shasum -a 256 -c .keepsake/copy.sha256</code></p>
<p>With Keepsake: <code>keepsake restore --all --to FOLDER --from DRIVE</code> gives everything back, and checks each file.</p>
<h2>Please</h2>
<p>Change nothing in here. What is changed here is not noticed at home, and no longer a copy.</p>
</html>
`;
}

function inGigabytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`;
}

function inHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => names[character] ?? character);
}
