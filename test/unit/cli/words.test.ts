// The owner decides by these words whether to wipe a card: they may not promise more than is known, nor speak in terms that
// only we understand, nor let a name from a card write to the terminal.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BackupResult } from '../../../src/agent/control.ts';
import { count, describeBackup, describeStatus, inWords } from '../../../src/cli/words.ts';
import type { AbsolutePath } from '../../../src/domain/ids.ts';
import { printable } from '../../../src/domain/printable.ts';
import type { Status } from '../../../src/domain/status.ts';
import { projectRoot } from '../../support/keepsake.ts';

test.for([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1 KB'],
  [999_499, '999 KB'],
  [999_500, '1.0 MB'],
  [1_500_000, '1.5 MB'],
  [9_940_000, '9.9 MB'],
  [10_400_000, '10 MB'],
  [999_600_000, '1.0 GB'],
  [4.2e9, '4.2 GB'],
  [5e12, '5.0 TB'],
  [5e15, '5000 TB'],
] as const)('%i bytes read as %s', ([bytes, words]) => {
  expect(inWords(bytes)).toBe(words);
});

test('One is one, and thousands are told apart', () => {
  expect([0, 1, 2, 1_234_567].map((amount) => count(amount, 'photo', 'photos'))).toEqual([
    '0 photos',
    '1 photo',
    '2 photos',
    '1,234,567 photos',
  ]);
});

test('A control character, a line end or a change of direction does not reach the terminal', () => {
  expect(printable('a\u001b[2J\r\n\t\u0000\u007f\u009b\u2028\u202e\u2066b ü 🙂')).toBe('a?[2J?????????b ü 🙂');
});

type Import = BackupResult['imports'][number];

function describeOne(report: Partial<Import>, change: Partial<BackupResult> = {}): string {
  const zero = {
    found: 0,
    imported: 0,
    known: 0,
    duplicates: 0,
    notMedia: 0,
    deferred: 0,
    failed: 0,
    iCloudOnly: 0,
    bytes: 0,
    durationMs: 0,
  };
  const full = {
    ...zero,
    importId: 'i',
    source: { id: 's', kind: 'card', name: 'NIKON' },
    complete: true,
    failures: [],
    notMediaPaths: [],
    ...report,
  } as unknown as Import;
  return describeBackup({ library: '/photos' as AbsolutePath, imports: [full], copies: [], ...change });
}

const failure = (path: string, code = 'SOURCE_READ_FAILED') => ({
  path,
  code,
  message: 'It could not be read.',
  remedy: 'Clean the contacts.',
});

test('What was saved, where, and that it is all', () => {
  const text = describeOne({ found: 12, imported: 10, bytes: 5e6, known: 1, duplicates: 1 });
  expect(text).toContain('"NIKON": 10 files saved (5.0 MB).');
  expect(text).toContain('1 file had been saved before.');
  expect(text).toContain('1 file had been saved before, from elsewhere or under other names.');
  expect(text).toMatch(/(are|is) saved\./);
  expect(text).toContain('Your photos are in /photos');
});

const allSaved = /(Everything|All photos).* saved/;

test.for([
  ['a file failed', { imported: 5, failed: 1, complete: false, failures: [failure('a.jpg')] }],
  ['a file is being written', { imported: 5, deferred: 1, complete: false }],
  ['it was stopped', { imported: 5, complete: false, stopped: failure('', 'SOURCE_GONE') }],
  ['it is only a preview', { imported: 5, complete: false, dryRun: true as const }],
  ['it is only a preview that claims to be complete', { imported: 5, complete: true, dryRun: true as const }],
] as const)('That all is saved is not said when %s', ([, report]) => {
  expect(describeOne(report)).not.toMatch(allSaved);
  expect(describeOne({ complete: true })).toMatch(allSaved);
});

test('A preview does not say that anything was saved', () => {
  const text = describeOne({ imported: 5, bytes: 1000, dryRun: true, complete: false });
  expect(text).toContain('5 files would be saved (1 KB)');
  expect(text).not.toContain('Your photos are in');
});

test('What failed is named with its reason and its remedy, up to twenty, and the rest is counted', () => {
  const failures = Array.from({ length: 30 }, (_, index) => failure(`D/${index}\u001b.jpg`));
  const text = describeOne({ failed: 30, complete: false, failures });
  expect(text).toContain('30 files could NOT be saved:');
  expect(text).toContain('D/19?.jpg');
  expect(text).not.toContain('D/20?.jpg');
  expect(text).toContain('… and 10 more');
  expect(text).toContain('It could not be read. Clean the contacts. (SOURCE_READ_FAILED)');
});

test('Other files are named, so that a photo among them would be noticed', () => {
  const one = describeOne({ notMedia: 1, notMediaPaths: ['a\n.txt'] });
  expect(one).toContain('1 file is neither photo nor video and was not saved:');
  expect(one).toContain('    a?.txt');
  const many = describeOne({ notMedia: 25, notMediaPaths: Array.from({ length: 25 }, (_, index) => `n${index}`) });
  expect(many).toContain('25 files are neither');
  expect(many).toContain('… and 5 more');
});

const status: Status = {
  agent: 'running',
  newDevices: [],
  undelivered: [],
  state: 'idle',
  library: '/photos' as AbsolutePath,
  sources: [
    {
      id: 's',
      name: 'NIKON\u001b',
      kind: 'card',
      lastSuccessAt: '2024-07-14T10:00:00.000Z',
      complete: true,
      onDevice: 3,
      iCloudOnly: 0,
      unknown: 0,
      saved: 0,
      overdue: false,
    },
  ],
  drives: [],
  photos: { assets: 1234, inLibrary: 1234, safe: 0, elsewhere: 0 },
  jobs: [],
  needsYou: [],
  notes: [],
};

test('The state of things, without a claim that nothing backs', () => {
  const text = describeStatus(status);
  expect(text).toContain('1,234 photos and videos in /photos');
  expect(text).toContain('NIKON?: last saved in full 2024-07-14');
  expect(text).not.toMatch(/\b(safe|secure|backed up)\b/i);
  const never = describeStatus({
    ...status,
    sources: status.sources.map((source) => ({ ...source, lastSuccessAt: null })),
  });
  expect(never).toContain('not yet saved in full');
  expect(describeStatus({ ...status, state: 'neverSaved' })).toContain('No photos have been saved yet.');
  const needs = describeStatus({
    ...status,
    needsYou: [{ code: 'X', message: 'Something on "A\u001b".', remedy: 'Do this.' }],
  });
  expect(needs).toContain('Something on "A?". Do this.');
});

test('Why there is no icon, and what the desktop did not show, is in the status', () => {
  const reason = { code: 'ICON_NO_TRAY', message: 'This desktop has no place for icons.', remedy: 'Use this.' };
  const message = { code: 'NOTICE_UNDELIVERED', message: 'Mum\u001b: Done.', remedy: '' };
  const text = describeStatus({ ...status, icon: { shown: false, reason }, undelivered: [message] });
  expect(text).toContain('This desktop has no place for icons. Use this.');
  expect(text).toContain('Messages that this desktop did not show:\n  Mum?: Done.');
  expect(describeStatus({ ...status, icon: { shown: true } })).toBe(describeStatus(status));
});

// Words that only we understand: docs/glossary.md and the design's "Never on a screen".
const forbidden =
  /\b(asset|resource|volume|mirror|ingest|scrub|manifest|catalogue|catalog|quarantine|offsite|pairing|sidecar|usbmuxd|udid)(s|ed|ing)?\b/i;

/** All string literals of a TypeScript file with the line they begin in; the parts of a template one by one. */
function literalsOf(code: string): { readonly text: string; readonly before: string }[] {
  const found: { text: string; before: string }[] = [];
  const at = { position: 0 };
  const readCode = (end: '}' | undefined): void => {
    for (let depth = 0; at.position < code.length; at.position += 1) {
      const character = code[at.position] ?? '';
      const two = code.slice(at.position, at.position + 2);
      if (two === '//')
        at.position = (code.indexOf('\n', at.position) + code.length + 1) % (code.length + 1) || code.length;
      else if (two === '/*') at.position = code.indexOf('*/', at.position) + 1;
      else if (
        character === '/' &&
        /(?:[(=,:!&|?{};>[]|\breturn)\s*$/.test(code.slice(Math.max(0, at.position - 20), at.position))
      )
        at.position += (/^\/(?:\\.|\[(?:\\.|[^\]])*\]|[^/[\\])+\//.exec(code.slice(at.position))?.[0].length ?? 1) - 1;
      else if (character === "'" || character === '"') readText(character);
      else if (character === '`') readTemplate();
      else if (character === '{') depth += 1;
      else if (character === '}') {
        if (end !== undefined && depth === 0) return;
        depth -= 1;
      }
    }
  };
  /** A literal without an end: this reader took something for one that is none. */
  const assertInside = (start: number) => {
    if (at.position >= code.length) throw new Error(`no end of: ${code.slice(start - 40, start + 40)}`);
  };
  const keep = (start: number) =>
    found.push({ text: code.slice(start, at.position), before: code.slice(code.lastIndexOf('\n', start) + 1, start) });
  const readText = (quote: string): void => {
    const start = at.position + 1;
    for (at.position = start; code[at.position] !== quote; at.position += 1) {
      assertInside(start);
      if (code[at.position] === '\\') at.position += 1;
    }
    keep(start);
  };
  const readTemplate = (): void => {
    let start = at.position + 1;
    for (at.position = start; code[at.position] !== '`'; at.position += 1) {
      assertInside(start);
      if (code[at.position] === '\\') at.position += 1;
      else if (code.slice(at.position, at.position + 2) === '${') {
        keep(start);
        at.position += 2;
        readCode('}');
        start = at.position + 1;
      }
    }
    keep(start);
  };
  readCode(undefined);
  return found;
}

describe('Words that only we understand', () => {
  test('The reader of literals finds them all', () => {
    const code =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is code to be read
      "const a = 'one'; // 'no'\n/* 'no' */ const b = `two ${f('three', `four`)} five`; const c = /['\"]/.test(\"six\");";
    expect(
      literalsOf(code)
        .map(({ text }) => text)
        .sort(),
    ).toEqual([' five', 'four', 'one', 'six', 'three', 'two ']);
  });

  test.for(['words.ts', 'start.ts', 'run.ts', 'progress-bar.ts'])('None of them is in src/cli/%s', (name) => {
    const literals = literalsOf(readFileSync(join(projectRoot, 'src/cli', name), 'utf8'));
    expect(literals.length).toBeGreaterThan(5);
    const shown = literals.filter(({ before }) => !/^\s*(import|\} from)|keepsake\.|status\./.test(before));
    expect(shown.filter(({ text }) => forbidden.test(text) && text.includes(' '))).toEqual([]);
  });

  test('None of them is in any sentence of any other part, logs and programmer errors aside', () => {
    const files = readdirSync(join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const isSql =
      /\b(SELECT|INSERT|UPDATE|DELETE|CREATE|VALUES|WHERE|ON CONFLICT|ORDER BY|PRAGMA|VACUUM|ALTER|FROM|JOIN|AND)\b/;
    const sentences = files.flatMap((name) =>
      literalsOf(readFileSync(join(projectRoot, 'src', name), 'utf8'))
        .filter(
          ({ text, before }) =>
            / \S+ /.test(` ${text} `) &&
            / /.test(text.trim()) &&
            !isSql.test(text) &&
            !/\blog\.|new Error\(|assert\(/.test(before),
        )
        .map(({ text }) => `${name}: ${text}`),
    );
    expect(sentences.length).toBeGreaterThan(100);
    // What Windows calls a folder and macOS a permission; and a line to type, which has the name of the program to install.
    const theirNames = [
      'System Volume Information',
      '"Removable Volumes"',
      'sudo apt install usbmuxd. Then connect the iPhone again.',
    ];
    // Nor what a command is called.
    const withoutCommands = sentences.map((sentence) => sentence.replace(/\bkeepsake [a-z-]+/g, 'keepsake'));
    const clean = withoutCommands.filter((sentence) => !theirNames.some((name) => sentence.endsWith(name)));
    expect(clean.filter((sentence) => forbidden.test(sentence.slice(sentence.indexOf(':'))))).toEqual([]);
  });
});
