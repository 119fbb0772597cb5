import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { incomingNames, walk } from '../support/keepsake.ts';
import { createVolume } from '../support/loop-volume.ts';
import { makeJpeg } from '../support/media/jpeg.ts';
import { needPrograms, needRoot } from '../support/requirements.ts';
import { backup, backupAsProcess, expectAllSaved, makeScene, writeFile, writePhoto } from './scene.ts';

// Without this, a link on a card could bring private files into the library, a loop could go on for ever, and a pipe could
// hold an import up until the machine is switched off.
test('links, pipes, sockets and devices are counted and never followed, opened or waited for', async (context) => {
  needRoot(context);
  needPrograms(context, 'mkfifo', 'mknod');
  using scene = makeScene();
  const at = (name: string) => join(scene.source, name);
  writePhoto(at('IMG_1.JPG'));
  const truth = await walk(scene.source);
  writePhoto(join(scene.path, 'private/SECRET.JPG'));
  symlinkSync('.', at('loop'));
  symlinkSync('b', at('a'));
  symlinkSync('a', at('b'));
  symlinkSync(join(scene.path, 'private'), at('folder-elsewhere'));
  symlinkSync(join(scene.path, 'private/SECRET.JPG'), at('SECRET.JPG'));
  symlinkSync('nowhere', at('broken.JPG'));
  execFileSync('mkfifo', [at('PIPE.JPG')]);
  execFileSync('mknod', [at('DEVICE.JPG'), 'c', '1', '5']);
  const server = createServer();
  await new Promise<void>((done) => server.listen(at('SOCKET.JPG'), done));
  const outcome = await backupAsProcess(scene);
  server.close();
  expect(outcome).toMatchObject({ exitCode: 0, report: { found: 10, imported: 1, notMedia: 9, complete: true } });
  await expectAllSaved(scene.library, truth);
});

// Without this, a photo could be lost to its name: not found again, cut off, mixed up with its twin, or written elsewhere.
test('photos are saved whatever their names are', async () => {
  using scene = makeScene();
  const names = [
    'two\nlines.JPG',
    'quote\'s "both".JPG',
    '😀 emoji 👨‍👩‍👧.JPG',
    'Café.JPG'.normalize('NFC'),
    'Café.JPG'.normalize('NFD'),
    'back\\slash.JPG',
    'looks\\x41like.JPG',
    '-rf.JPG',
    '$(touch pwned).JPG',
    '%2e%2e.JPG',
    '...JPG',
    ' .JPG',
    'CON.JPG',
    `${'n'.repeat(251)}.JPG`,
    `${'ü'.repeat(125)}.JPG`,
    'no extension',
    '__proto__',
    'constructor.JPG',
    'dir/../x'.replaceAll('/', '∕'),
  ];
  for (const name of names) writePhoto(join(scene.source, 'names', name));
  const expected = [...(await walk(scene.source))];
  // Not UTF-8, two names that differ only in that byte, and a folder.
  for (const byte of [0xff, 0xfe]) {
    const bytes = makeJpeg({ seed: byte, dateTimeOriginal: '2024-07-14T10:11:12' });
    const folder = Buffer.concat([Buffer.from(`${scene.source}/bytes`), Buffer.from([byte])]);
    mkdirSync(folder);
    const path = Buffer.concat([folder, Buffer.from('/x'), Buffer.from([byte, 0x80]), Buffer.from('.JPG')]);
    writeFileSync(path, bytes);
    utimesSync(path, 1.7e9, 1.7e9);
    expected.push({ path: String(byte), sha256: sha256(bytes), sizeBytes: bytes.length, modifiedAtMs: 1.7e12 });
  }
  const count = expected.length;
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { found: count, imported: count, complete: true } });
  const found = await expectAllSaved(scene.library, expected);
  expect(found.filter(({ path }) => dirname(path) !== '2024/2024-07-14')).toEqual([]);
  // What any drive can hold: no name is too long, reserved or the same as another but for case and form.
  const folded = found.map(({ path }) => path.normalize('NFC').toLowerCase());
  expect(new Set(folded).size).toBe(count);
  expect(found.filter(({ path }) => Buffer.byteLength(path.slice(16)) > 255)).toEqual([]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  expect(found.filter(({ path }) => /[<>:"\\|?*\u0000-\u001f]|[. ]$|\/\./.test(path))).toEqual([]);
  expect(await backup(scene)).toMatchObject({ exitCode: 0, report: { known: count, imported: 0, complete: true } });
});

// Without this, a tree made to exhaust us, or a broken one, could end the import of all else.
test('folders nested too deeply are reported by name and the rest is saved', async () => {
  using scene = makeScene();
  const deep = Array.from({ length: 70 }, (_, index) => `d${index}`);
  writePhoto(join(scene.source, ...deep.slice(0, 60), 'IMG_1.JPG'));
  const truth = await walk(scene.source);
  writePhoto(join(scene.source, ...deep, 'IMG_2.JPG'));
  const outcome = await backup(scene);
  expect(outcome).toMatchObject({ exitCode: 2, report: { imported: 1, failed: 1, complete: false } });
  expect(outcome.report?.failures).toMatchObject([{ code: 'SOURCE_TOO_LARGE', path: deep.slice(0, 65).join('/') }]);
  await expectAllSaved(scene.library, truth);
  expect(await incomingNames(scene.library)).toEqual([]);
});

// Without this, memory could grow with the number of files until the machine stops the import.
test('a folder of 100,000 small files is looked through and saved from within 200 MB', async (context) => {
  needRoot(context);
  await using disk = await createVolume('tmpfs', 64);
  using scene = makeScene({ source: join(disk.path, 'many') });
  writeFile(join(disk.path, 'text'), Buffer.from('neither photo nor video'));
  for (let index = 0; index < 99_990; index += 1) linkSync(join(disk.path, 'text'), join(scene.source, `${index}.txt`));
  for (let index = 0; index < 10; index += 1) writePhoto(join(scene.source, `${index}.JPG`));
  const peaks = join(scene.path, 'peaks');
  const hook = join(scene.path, 'peak.mjs');
  writeFileSync(
    hook,
    `import { appendFileSync, readFileSync } from 'node:fs';
     const peak = () => /VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
     process.on('exit', () => appendFileSync(${JSON.stringify(peaks)}, peak() + '\\n'));`,
  );
  const outcome = await backupAsProcess(scene, { environment: { NODE_OPTIONS: `--import=${hook}` } });
  expect(outcome).toMatchObject({ exitCode: 0, report: { found: 100_000, notMedia: 99_990, imported: 10 } });
  const peakKibibytes = Math.max(...readFileSync(peaks, 'utf8').trim().split('\n').map(Number));
  expect(peakKibibytes / 1024, 'peak memory in MB').toBeLessThanOrEqual(200);
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
