import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copySample, readAll } from './private-copy.ts';
import { sampleLibraries } from './sample-tables.ts';

// Without these, a column could be taken for another, and photos be left out, misdated or filed under somebody else's name.
test.for(sampleLibraries)('$name is read as its tables say', async (sample, context) => {
  using copy = copySample(context, sample.file);
  const { facts, assets } = await readAll(copy.path);
  expect(facts).toEqual({ modelVersion: sample.modelVersions[0], usesICloudPhotos: sample.usesICloudPhotos });
  expect(assets).toEqual(sample.assets);
});

test.for(sampleLibraries)(
  '$name without its log is read as it was before the last changes',
  async (sample, context) => {
    using copy = copySample(context, sample.file);
    rmSync(copy.logPath);
    const { facts, assets } = await readAll(copy.path);
    expect(facts).toEqual({ modelVersion: sample.modelVersions[1], usesICloudPhotos: sample.usesICloudPhotos });
    expect(assets).toEqual(sample.assetsWithoutLog);
  },
);

// Without this, a copy that was looked at could not be looked at again, or kept to find out what was wrong with it.
test('The copy and its log are left as they are, and nothing is left beside them', async (context) => {
  using copy = copySample(context, 'Photos.sqlite');
  const digests = () =>
    readdirSync(copy.folder).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(copy.folder, name)))
        .digest('hex'),
    ]);
  const before = digests();
  await readAll(copy.path);
  expect(digests()).toEqual(before);
});
