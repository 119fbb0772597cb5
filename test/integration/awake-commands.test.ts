// Whoever types a command that takes hours, and goes, comes back to a computer that did it.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeScene, writePhoto } from '../fault/scene.ts';
import { startAgent } from '../support/agent.ts';
import { standIn } from '../support/awake-stand-in.ts';
import { keepsake } from '../support/keepsake.ts';
import { patience } from '../support/patience.ts';

// Without this, the computer could fall asleep in the middle of a check or of giving photos back, which then took until somebody noticed.
test.for(['without an agent', 'with an agent'])(
  '%s, what is read or written for a typed command keeps the computer awake',
  async (how) => {
    using scene = makeScene();
    const keeper = standIn(scene.home);
    const run = async (...args: readonly string[]) => {
      rmSync(join(scene.home, 'told'), { force: true });
      const environment = { PATH: keeper.path };
      const library = ['--library', scene.library];
      expect(await keepsake([...args, ...library], { home: scene.home, environment })).toMatchObject({ exitCode: 0 });
    };
    const reason = async () => {
      await vi.waitUntil(() => !keeper.isHeld() && keeper.hasTold(), patience);
      return keeper.told().match(/--why=(.*)/)?.[1];
    };
    writePhoto(join(scene.source, 'IMG_1.JPG'));
    await using _agent = how === 'with an agent' ? await startAgent({ home: scene.home }) : undefined;

    await run('backup', scene.source);
    if (how === 'without an agent') expect(await reason()).toBe('Photos are being saved');
    mkdirSync(join(scene.library, 'Old'));
    writePhoto(join(scene.library, 'Old/IMG_2.JPG'), 2000);
    await run('adopt', join(scene.library, 'Old'));
    expect(await reason()).toBe('Photos are being read');
    await run('verify', '--all');
    expect(await reason()).toBe('Photos are being checked');
    await run('restore', '--all', '--to', join(scene.home, 'back'));
    expect(await reason()).toBe('Photos are being copied back');
  },
);
