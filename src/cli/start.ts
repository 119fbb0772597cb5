// What `npm start` and `keepsake agent` do: say in plain words where photos go and what is watched, run the agent, and say
// what it did. With folders named, `npm start` saves from those and ends.

import type { Keepsake } from '../agent/control.ts';
import { printable } from '../domain/printable.ts';
import { describeEvent } from './event-words.ts';
import type { ExitCode } from './exit-code.ts';
import type { CliOptions, backup as runBackup } from './run.ts';

export async function start(wish: {
  readonly options: CliOptions;
  readonly keepsake: Keepsake;
  readonly sources: readonly string[];
  readonly library: string | undefined;
  readonly backup: typeof runBackup;
}): Promise<ExitCode> {
  const { options, keepsake, sources } = wish;
  const say = (text: string) => options.stdout.write(`${text}\n`);
  const library = wish.library ?? (await keepsake.config()).library;
  say(
    'Keepsake saves the photos and videos from iPhones, camera cards and folders into dated folders on this computer.',
  );
  say('It never deletes or changes anything on them.');
  say('');
  say(`Your photos go to:  ${printable(library)}`);
  say('To choose another place:  keepsake config set library FOLDER');
  say('');
  if (sources.length > 0) {
    for (const source of sources) say(`Saving from:  ${printable(source)}`);
    say('');
    return wish.backup(options, keepsake, sources, {
      ...(wish.library === undefined ? {} : { library: wish.library }),
    });
  }
  const { watchedFolders } = await keepsake.config();
  for (const folder of watchedFolders) say(`Watching the folder:  ${printable(folder)}`);
  for (const { message, remedy } of await keepsake.lacking()) say(`${message} ${remedy}`);
  return agent(options, { presentMeansYes: true, readyWords: readyWords(watchedFolders.length > 0) });
}

function readyWords(hasFolders: boolean): string {
  const what = hasFolders ? 'iPhones, camera cards and these folders' : 'iPhones and camera cards';
  return `Watching for ${what}. A card that is in already is saved from.\nThis stops when you close the window.\n\n`;
}

/** Runs until it is told to stop. */
export async function agent(
  options: CliOptions,
  { presentMeansYes, readyWords }: { readonly presentMeansYes: boolean; readonly readyWords: string },
): Promise<ExitCode> {
  const { runAgent } = await import('../agent/agent.ts'); // the other commands start quicker without it
  const { openServiceLink } = await import('../agent/install/service-link.ts');
  const { touchAskedFolders } = await import('../agent/install/folder-access.ts');
  using service = openServiceLink(options.environment);
  options.signal.addEventListener('abort', service.stopping, { once: true });
  await runAgent(
    {
      environment: options.environment,
      ...(options.seams === undefined ? {} : { seams: options.seams }),
      presentMeansYes,
      hasSurfaces: true,
      ...(options.ownProgram === undefined ? {} : { ownProgram: options.ownProgram }),
      onReady: () => {
        options.stdout.write(readyWords);
        service.ready(readyWords.split('\n')[0] ?? '');
        // A Mac asks for the program that looks: this one, right after `install`, while its owner is there to answer.
        if (process.platform === 'darwin') void touchAskedFolders(options.environment);
      },
      onTick: service.alive,
      onEvent: (event) => {
        const words = describeEvent(event);
        if (words !== undefined) options.stdout.write(`${words}\n`);
      },
    },
    options.signal,
  );
  options.stdout.write('Stopped. What was saved is whole.\n');
  return 0;
}
