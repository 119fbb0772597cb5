// The page is what someone has who finds the drive in ten years, without Keepsake and without its owner. It must open in any
// browser, ask for nothing from elsewhere, run nothing, and say what to do. The name in it is the owner's, and may be anything.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeCopy } from '../../../src/copies/read-me.ts';

const facts = { libraryName: 'Photos', files: 12_345, bytes: 98_765_432_100, day: '2026-11-25' };

/** The names of all tags, in order, closing ones too. */
const tagsOf = (page: string) => [...page.matchAll(/<(\/?[a-z!][\w-]*)/gi)].map(([, name]) => name?.toLowerCase());

test('The page is whole HTML: kind, language, letters, title and one heading, every tag closed that needs it', () => {
  const page = describeCopy(facts);
  expect(page).toMatch(/^<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">/);
  expect(page).toMatch(/<title>Photos and videos of “Photos”<\/title>/);
  expect(page.match(/<h1>/g)).toHaveLength(1);
  expect(page.trimEnd()).toMatch(/<\/html>$/);
  const open: string[] = [];
  for (const tag of tagsOf(page)) {
    if (tag === undefined || ['!doctype', 'meta'].includes(tag)) continue;
    if (!tag.startsWith('/')) open.push(tag);
    else expect(open.pop(), `before </${tag.slice(1)}>`).toBe(tag.slice(1));
  }
  expect(open).toEqual([]);
  expect(Buffer.byteLength(page.slice(0, page.indexOf('charset'))), 'where browsers look for it').toBeLessThan(1024);
});

test('It runs nothing, and asks for nothing from elsewhere', () => {
  const page = describeCopy(facts);
  expect(tagsOf(page).filter((tag) => /^(script|iframe|object|embed|form|link|img|base)$/.test(tag ?? ''))).toEqual([]);
  expect(page).not.toMatch(/\son\w+=|javascript:|https?:|src=|href=|url\(|@import|http-equiv/i);
});

test('It says what this is, how much, of when, that no program is needed, how to copy it and how to be sure', () => {
  const page = describeCopy(facts);
  expect(page).toContain('12,345 files, 98.8 GB');
  expect(page).toContain('2026-11-25');
  expect(page).toContain('you need no program');
  expect(page).toContain('To copy them to a computer');
  expect(page).toContain('sha256sum -c .keepsake/copy.sha256');
  expect(page).toContain('shasum -a 256 -c .keepsake/copy.sha256');
  expect(page).toContain('keepsake restore --all');
});

test('Any name is shown as it is, and none becomes a tag, an entity or an attribute', () => {
  const hostile = fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=y>',
    '&lt;',
    '</title>',
    "'",
    '--><!--',
  );
  const plain = tagsOf(describeCopy(facts));
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })), (libraryName) => {
      const page = describeCopy({ ...facts, libraryName });
      expect(tagsOf(page)).toEqual(plain);
      const title = page.slice(page.indexOf('<title>') + 7, page.indexOf('</title>'));
      const shown = title.replace(
        /&(amp|lt|gt|quot);/g,
        (_, name: string) => ({ amp: '&', lt: '<', gt: '>' })[name] ?? '"',
      );
      expect(shown).toBe(`Photos and videos of “${libraryName}”`);
    }),
  );
});

test('Amounts are words that a person says, from nothing to terabytes', () => {
  const amount = (files: number, bytes: number) =>
    /<strong>(.*)<\/strong>,/.exec(describeCopy({ ...facts, files, bytes }))?.[1];
  expect(amount(0, 0)).toBe('0 files, 0 MB');
  expect(amount(1, 1)).toBe('1 file, 1 MB');
  expect(amount(2, 999_000_000)).toBe('2 files, 999 MB');
  expect(amount(1_000_000, 4e12)).toBe('1,000,000 files, 4000.0 GB');
});
