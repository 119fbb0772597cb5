// Entry of a process of its own: reads all of the list of photos, writes nothing to it, and prints what came of it as JSON.

import process from 'node:process';
import { isAgentError } from '../../domain/errors.ts';
import { openCatalog } from '../../library/catalog/sqlite-catalog.ts';
import { errorReply } from '../api/protocol.ts';
import type { ListLook, ListQuestion } from './read-list.ts';

try {
  process.stdout.write(JSON.stringify(look(JSON.parse(process.argv[2] ?? ''))));
} catch (error) {
  if (!isAgentError(error)) throw error;
  process.stdout.write(JSON.stringify(errorReply(error)));
}

function look({ path, libraryId }: ListQuestion): ListLook {
  using catalog = openCatalog({ path, libraryId, readOnly: true });
  const { assets, resources, bytes, sources } = catalog.summarize();
  const times = sources.flatMap(({ lastSuccessAtMs, lastImport }) => [
    lastSuccessAtMs ?? 0,
    lastImport?.finishedAtMs ?? 0,
  ]);
  const newestSaveMs = Math.max(0, ...times) || null;
  return { isWhole: catalog.isWhole(), photos: assets, files: resources, bytes, newestSaveMs };
}
