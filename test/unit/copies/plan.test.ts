// A plan that is wrong loses photos on the drive, leaves some out without a word, or copies the same ones for ever. Here it is
// carried out on a drive made of maps, over lives that no example would think of. What the steps do on a real drive is proven
// in test/integration/copies.test.ts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CopyAction, mustBrake, planFolder, type WantedFile } from '../../../src/copies/plan.ts';
import type { TreeFile } from '../../../src/copies/tree.ts';
import type { ContentHash, RelativePath } from '../../../src/domain/ids.ts';
import type { CopiedFile } from '../../../src/library/catalog/copies-store.ts';

const fileBytesMax = 50;
const folders = ['', '2024', '2024/best'];
const names = ['1.jpg', '2.jpg', '3.jpg'];
/** The last one is larger than the drive takes; two have one size. */
const sizes: Readonly<Record<string, number>> = { A: 10, B: 10, C: 20, D: 50, E: 51 };

interface FileOnDisk {
  readonly content: string;
  readonly modifiedAtNs: bigint;
}
interface LibraryFile extends FileOnDisk {
  readonly isOurs: boolean;
  /** Lost or changed in the library: not wanted on a drive, and nothing to do with what is there. */
  readonly isBad: boolean;
}

const hashOf = (content: string) => `sha256:${content}` as ContentHash;
const sizeOf = (content: string) => sizes[content] ?? content.length;
const folderOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const inFolder = <Value>(files: ReadonlyMap<string, Value>, folder: string) =>
  [...files].filter(([path]) => folderOf(path) === folder).sort(([one], [other]) => (one < other ? -1 : 1));

/** A library and a drive, as maps. It does to the drive what the comments at `CopyAction` say, and never overwrites. */
class Model {
  readonly library = new Map<string, LibraryFile>();
  readonly drive = new Map<string, FileOnDisk>();
  readonly copied = new Map<string, CopiedFile>();
  readonly setAside: string[] = [];
  /** Looked different on the drive, was read, and has other bytes. */
  readonly damaged = new Set<string>();
  readonly log: CopyAction[] = [];
  #seconds = 0;

  /** Far enough apart for any filesystem, and no whole hours. */
  readonly tick = (): bigint => {
    this.#seconds += 10;
    return BigInt(this.#seconds) * 1_000_000_000n;
  };

  wanted(folder: string): WantedFile[] {
    return inFolder(this.library, folder).flatMap(([path, { content, modifiedAtNs, isOurs, isBad }]) => {
      const file = { path: path as RelativePath, sizeBytes: sizeOf(content), modifiedAtNs };
      return isBad ? [] : [isOurs ? { ...file, hash: hashOf(content) } : file];
    });
  }

  plan(folder: string): readonly CopyAction[] {
    const seen = inFolder(this.drive, folder).map(([path, { content, modifiedAtNs }]): [RelativePath, TreeFile] => [
      path as RelativePath,
      { path: path as RelativePath, sizeBytes: sizeOf(content), modifiedAtNs },
    ]);
    return planFolder({
      ...{ wanted: this.wanted(folder), seen: new Map(seen), fileBytesMax },
      copied: inFolder(this.copied, folder).map(([, file]) => file),
      movable: (hash) => [...this.copied.values()].filter((file) => file.hash === hash && this.#isLeft(file)),
      isSuspect: () => false,
    });
  }

  #isLeft({ path, hash }: CopiedFile): boolean {
    const file = this.library.get(path);
    return file === undefined || (file.isOurs && !file.isBad && hashOf(file.content) !== hash);
  }

  mirror(): void {
    this.damaged.clear();
    for (const folder of folders.toReversed()) {
      const wanted = new Set(this.wanted(folder).map(({ path }) => path));
      for (const action of this.plan(folder)) {
        expect(wanted.has(action.file.path), 'nothing that is not wanted is named').toBe(true);
        this.log.push(action);
        this.#perform(action);
      }
    }
  }

  #perform(action: CopyAction): void {
    const { path } = action.file;
    const there = this.drive.get(path);
    const content = this.library.get(path)?.content ?? '';
    switch (action.kind) {
      case 'copy':
        this.#copy(path);
        break;
      case 'adopt':
        if (there?.content === content) this.#record(path, there.modifiedAtNs);
        else this.#replace(path);
        break;
      case 'move':
        if (!this.#move(action.from, path)) this.#copy(path);
        break;
      case 'replace':
        this.#replace(path);
        break;
      case 'examine':
        if (there?.content !== content) this.damaged.add(path);
        else this.drive.set(path, { content, modifiedAtNs: action.old.modifiedAtNs });
        break;
      case 'tooLarge':
        break;
    }
  }

  #replace(path: string): void {
    this.#putAside(path);
    this.#copy(path);
  }

  #move(from: CopiedFile, to: string): boolean {
    const there = this.drive.get(from.path);
    const isAsPut = there?.modifiedAtNs === from.modifiedAtNs && sizeOf(there.content) === from.sizeBytes;
    if (there === undefined || !isAsPut || this.copied.get(from.path) !== from) return false;
    this.drive.delete(from.path);
    this.copied.delete(from.path);
    this.#place(to, there);
    this.#record(to, there.modifiedAtNs);
    return true;
  }

  #copy(path: string): void {
    const file = this.library.get(path);
    if (file === undefined) throw new Error(`${path} is to be copied, and is not in the library`);
    this.#place(path, { content: file.content, modifiedAtNs: file.modifiedAtNs });
    this.#record(path, file.modifiedAtNs);
  }

  #place(path: string, file: FileOnDisk): void {
    if (this.drive.has(path)) throw new Error(`${path} would be overwritten`);
    this.drive.set(path, file);
  }

  #putAside(path: string): void {
    const there = this.drive.get(path);
    if (there === undefined) throw new Error(`there is nothing at ${path} to set aside`);
    this.setAside.push(there.content);
    this.drive.delete(path);
    this.copied.delete(path);
  }

  #record(path: string, modifiedAtNs: bigint): void {
    const file = this.library.get(path);
    if (file === undefined) return;
    const { content, isOurs } = file;
    const sizeBytes = sizeOf(content);
    const hash = hashOf(content);
    const at = isOurs ? modifiedAtNs : file.modifiedAtNs;
    this.copied.set(path, { path: path as RelativePath, hash, sizeBytes, modifiedAtNs: at, isOurs, copiedAtMs: 0 });
    this.drive.set(path, { content: this.drive.get(path)?.content ?? '', modifiedAtNs: at });
  }

  /** Everything that is on the drive, wherever. */
  held(): readonly string[] {
    return [...this.setAside, ...[...this.drive.values()].map(({ content }) => content)].sort();
  }
}

/** One thing that happens, printed in words where a property fails. */
interface Step {
  readonly act: (model: Model) => void;
  readonly [fc.toStringMethod]: () => string;
}
const step = (words: string, act: Step['act']): Step => ({ act, [fc.toStringMethod]: () => words });

const path = fc
  .tuple(fc.constantFrom(...folders), fc.constantFrom(...names))
  .map(([folder, name]) => (folder === '' ? name : `${folder}/${name}`));
const content = fc.constantFrom(...Object.keys(sizes));

const write = (isOurs: boolean) =>
  fc.tuple(path, content).map(([at, what]) =>
    step(`${isOurs ? 'save' : 'another program writes'} ${what} at ${at}`, ({ library, tick }) => {
      // Keepsake never writes over anything; another program does over its own files.
      const there = library.get(at);
      if (there === undefined || !(isOurs || there.isOurs))
        library.set(at, { content: what, modifiedAtNs: tick(), isOurs, isBad: false });
    }),
  );
const move = fc.tuple(path, path).map(([from, to]) =>
  step(`move ${from} to ${to}`, ({ library }) => {
    const file = library.get(from);
    if (file === undefined || file.isBad || library.has(to)) return;
    library.delete(from);
    library.set(to, file);
  }),
);
const remove = path.map((at) => step(`remove ${at}`, ({ library }) => void library.delete(at)));
const spoil = path.map((at) =>
  step(`spoil or mend ${at}`, ({ library }) => {
    const file = library.get(at);
    if (file?.isOurs === true) library.set(at, { ...file, isBad: !file.isBad });
  }),
);
const writeOnDrive = fc.tuple(path, content).map(([at, what]) =>
  step(`by hand ${what} at ${at} of the drive`, ({ drive, tick }) => {
    drive.set(at, { content: what, modifiedAtNs: tick() });
  }),
);
const removeOnDrive = path.map((at) => step(`by hand remove ${at} of the drive`, ({ drive }) => void drive.delete(at)));
const touchOnDrive = path.map((at) =>
  step(`touch ${at} of the drive`, ({ drive, tick }) => {
    const there = drive.get(at);
    if (there !== undefined) drive.set(at, { ...there, modifiedAtNs: tick() });
  }),
);
const mirror = fc.constant(step('mirror', (model) => model.mirror()));

function live(steps: readonly Step[]): Model {
  const model = new Model();
  for (const { act } of steps) act(model);
  return model;
}

const lives = fc.array(
  fc.oneof(
    ...[write(true), write(true), write(false), move, move, remove, spoil],
    ...[writeOnDrive, writeOnDrive, removeOnDrive, touchOnDrive, mirror, mirror, mirror],
  ),
  { maxLength: 40, size: 'max' },
);
const runs = { numRuns: 1000 };

describe('A plan that is carried out', () => {
  test('puts every wanted file on the drive with its own bytes, except what is too large or was damaged there', () => {
    fc.assert(
      fc.property(lives, (steps) => {
        const model = live(steps);
        model.mirror();
        for (const [at, { content: what, isBad }] of model.library) {
          if (isBad || sizeOf(what) > fileBytesMax || model.damaged.has(at)) continue;
          expect(model.drive.get(at)?.content, at).toBe(what);
          expect(model.copied.get(at)?.hash, at).toBe(hashOf(what));
        }
      }),
      runs,
    );
  });

  test('loses nothing that was on the drive: it is in its place, moved, or set aside', () => {
    fc.assert(
      fc.property(lives, (steps) => {
        const model = live(steps);
        const before = model.held();
        model.mirror();
        const after = [...model.held()];
        for (const what of before) {
          const index = after.indexOf(what);
          expect(index, `${what} of ${before}`).not.toBe(-1);
          after.splice(index, 1);
        }
      }),
      runs,
    );
  });

  test('leaves nothing to do for the next one but what cannot be done', () => {
    fc.assert(
      fc.property(lives, (steps) => {
        const model = live(steps);
        model.mirror();
        const left = folders.flatMap((folder) => model.plan(folder));
        const open = left.filter(
          ({ kind, file }) => kind !== 'tooLarge' && !(kind === 'examine' && model.damaged.has(file.path)),
        );
        expect(open).toEqual([]);
      }),
      runs,
    );
  });

  test('touches nothing on the drive that the library has lost or that has changed in it', () => {
    fc.assert(
      fc.property(lives, (steps) => {
        const model = live(steps);
        const bad = [...model.library].filter(([, { isBad }]) => isBad).map(([at]) => at);
        const before = bad.map((at) => model.drive.get(at));
        model.mirror();
        expect(bad.map((at) => model.drive.get(at))).toEqual(before);
      }),
      runs,
    );
  });
});

test('A photo that was renamed, and another one that has its name by now, are both followed', () => {
  for (const [from, to] of [
    ['2.jpg', '1.jpg'],
    ['2.jpg', '3.jpg'],
    ['2.jpg', '2024/1.jpg'],
    ['2024/best/2.jpg', '2024/1.jpg'],
  ] as const) {
    const model = new Model();
    const save = (at: string, what: string) =>
      model.library.set(at, { content: what, modifiedAtNs: model.tick(), isOurs: true, isBad: false });
    save(from, 'A');
    model.mirror();
    save(to, 'A');
    save(from, 'B');
    model.mirror();
    expect([...model.drive].map(([at, file]) => `${at} ${file.content}`).sort()).toEqual(
      [`${from} B`, `${to} A`].sort(),
    );
    expect(folders.flatMap((folder) => model.plan(folder))).toEqual([]);
  }
});

test('Too large is what has more bytes than the filesystem takes in one file, and nothing else', () => {
  const limits = fc.integer({ min: 0, max: 2 ** 33 });
  fc.assert(
    fc.property(limits, fc.integer({ min: -2, max: 2 }), fc.boolean(), (limit, more, isThere) => {
      const file = { path: 'film.mov' as RelativePath, sizeBytes: Math.max(0, limit + more), modifiedAtNs: 0n };
      const seen: ReadonlyMap<RelativePath, TreeFile> = new Map(isThere ? [[file.path, file]] : []);
      const plan = planFolder({
        ...{ wanted: [{ ...file, hash: hashOf('A') }], copied: [], seen, fileBytesMax: limit },
        movable: () => [],
        isSuspect: () => false,
      });
      const expected = file.sizeBytes > limit ? 'tooLarge' : isThere ? 'adopt' : 'copy';
      expect(plan.map(({ kind }) => kind)).toEqual([expected]);
    }),
  );
});

test('Whatever the owner only moves and renames is moved on the drive, none of it copied', () => {
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 5 }), fc.shuffledSubarray([...'abcdefghi']), (from, to) => {
      const model = new Model();
      const at = (index: number) => `2024/best/to ${to[index] ?? ''}.jpg`;
      for (const [index, each] of from.entries()) {
        model.library.set(each, { content: `photo ${index}`, modifiedAtNs: model.tick(), isOurs: true, isBad: false });
      }
      model.mirror();
      model.log.length = 0;
      const moved = from.filter((_, index) => to[index] !== undefined);
      for (const [index, each] of moved.entries()) {
        const file = model.library.get(each);
        model.library.delete(each);
        if (file !== undefined) model.library.set(at(index), file);
      }
      model.mirror();
      expect(model.log.map(({ kind }) => kind)).toEqual(moved.map(() => 'move'));
      expect([...model.drive.keys()].sort()).toEqual([...model.library.keys()].sort());
    }),
  );
});

describe('The brake', () => {
  test.for([
    [0, 0, false],
    [0, 10_000, false],
    [5, 100, false],
    [6, 100, true],
    [1, 20, false],
    [2, 20, true],
    [100, 10_000, false],
    [101, 10_000, true],
    [100, 2_000, false],
    [1, 1, true],
  ] as const)('with %i of %i lost or changed, stops: %s', ([lost, copied, expected]) => {
    expect(mustBrake({ lost, copied })).toBe(expected);
  });

  test('lets exactly a twentieth pass, however many there are, and stops at one more', () => {
    for (let lost = 0; lost <= 100; lost += 1) {
      expect(mustBrake({ lost, copied: lost * 20 }), `${lost}`).toBe(false);
      expect(mustBrake({ lost: lost + 1, copied: lost * 20 }), `${lost + 1}`).toBe(true);
    }
  });

  test('once it stops, stops all the more for more lost or fewer copied; for nothing lost, never', () => {
    const amount = fc.integer({ min: 0, max: 200_000 });
    fc.assert(
      fc.property(amount, amount, amount, amount, (lost, copied, moreLost, moreCopied) => {
        expect(mustBrake({ lost: 0, copied })).toBe(false);
        if (mustBrake({ lost, copied: copied + moreCopied }))
          expect(mustBrake({ lost: lost + moreLost, copied })).toBe(true);
        if (lost > 100) expect(mustBrake({ lost, copied })).toBe(true);
      }),
    );
  });
});
