import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DurableStep } from '../../src/platform/durable-write.ts';
import { backupJson, temporaryFolder } from '../support/keepsake.ts';
import { makeJpeg } from '../support/media/jpeg.ts';

// Without this, photos of a camera that writes its serial number would be committed one by one, each with flushes of its
// own: looking for a RAW of the same exposure must not settle a batch that only has other exposures of that camera.
test('photos of one camera are committed together, not one by one', async () => {
  using scratch = temporaryFolder();
  const source = join(scratch.path, 'card');
  mkdirSync(source);
  for (let index = 0; index < 30; index += 1) {
    const path = join(source, `DSC_00${index + 10}.JPG`);
    const dateTimeOriginal = `2024-07-14T10:11:${index + 10}`;
    writeFileSync(path, makeJpeg({ seed: index, dateTimeOriginal, make: 'Nikon', model: 'Z 8', serial: '3001' }));
    utimesSync(path, 1.7e9, 1.7e9);
  }
  const steps: DurableStep[] = [];
  const seams = { observeStep: (step: DurableStep) => steps.push(step), batchFilesMax: 10 };
  const { json } = await backupJson([source], {
    home: join(scratch.path, 'home'),
    library: join(scratch.path, 'library'),
    seams,
  });
  expect(json.imports[0]).toMatchObject({ imported: 30, complete: true });
  expect(steps.filter((step) => step === 'record')).toHaveLength(3);
});
