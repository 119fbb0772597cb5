// What `npm start` does until the agent exists: says in plain words where photos go, finds cards that are plugged in, saves
// from them or from the folders that were named, and ends.

import type { Keepsake } from '../agent/compose.ts';
import type { ExitCode } from './exit-code.ts';
import type { CliOptions, backup as runBackup } from './run.ts';

export async function start(wish: {
  readonly options: CliOptions;
  readonly keepsake: Keepsake;
  readonly sources: readonly string[];
  readonly library: string | undefined;
  readonly backup: typeof runBackup;
}): Promise<ExitCode> {
  const { options, keepsake } = wish;
  const say = (text: string) => options.stdout.write(`${text}\n`);
  const library = wish.library ?? (await keepsake.config()).library;
  say('Keepsake saves the photos and videos from camera cards and folders into dated folders on this computer.');
  say('It never deletes or changes anything on the card.');
  say('');
  say(`Your photos go to:  ${library}`);
  say('To choose another place:  npm run -s keepsake -- config set library FOLDER');
  const sources = wish.sources.length > 0 ? wish.sources : await keepsake.findCards();
  if (sources.length === 0) {
    say('');
    say('No camera card was found. Put one in and run "npm start" again,');
    say('or name a folder to save from:  npm start -- FOLDER');
    return 0;
  }
  for (const source of sources) say(`Saving from:  ${source}`);
  say('');
  return wish.backup(options, keepsake, sources, { ...(wish.library === undefined ? {} : { library: wish.library }) });
}
