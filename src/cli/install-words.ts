// What the owner reads about starting at login: whether it does, what was left where it is, and the one thing to do.

import type { InstallResult, LoginStatus, UninstallResult } from '../agent/install/install.ts';
import { printable } from '../domain/printable.ts';

const agentWords: Readonly<Record<LoginStatus['agent'], string>> = {
  running: 'It is running now.',
  starting: 'It is starting.',
  runningElsewhere: 'Now it runs in a window that you opened. It goes on by itself when you close that one.',
  notRunning: 'It is not running now. To start it: keepsake install',
};

export function describeInstall(result: InstallResult): string {
  const { way, agent, dailyCheck, isForNextLogin, isChanged, keptAside, needsYou } = result;
  const begins = isChanged ? 'Keepsake starts by itself from now on' : 'Keepsake starts by itself already';
  const lines = [`${begins}, whenever you log in${way === 'autostart' ? ' to the desktop' : ''}.`];
  lines.push(isForNextLogin ? 'It begins when you log in at this computer the next time.' : agentLine(result, agent));
  if (dailyCheck) lines.push('Once a day this computer looks whether it does its work, and tells you if not.');
  if (way === 'autostart') lines.push(...autostartWords);
  lines.push(...asideLines(keptAside));
  for (const { message, remedy } of needsYou) lines.push('', `${printable(message)} ${remedy}`);
  lines.push('', 'To see how it stands: keepsake install --status', 'To undo this: keepsake uninstall');
  return `${lines.join('\n')}\n`;
}

/** What this way cannot do. */
const autostartWords = [
  'On this computer nothing starts it again after a fault, and nothing looks after it once a day:',
  'look at it from time to time with: keepsake status',
];

export function describeLoginStatus(status: LoginStatus): string {
  const { way, startsAtLogin, isCurrent, agent, dailyCheck, files, says, trouble } = status;
  if (way === 'none') {
    const now = agent === 'notRunning' ? 'It is not running now.' : 'It is running now, until you stop it or log out.';
    return `Keepsake does not start by itself. ${now}\nTo have it start whenever you log in: keepsake install\n`;
  }
  const lines = [
    startsAtLogin
      ? `Keepsake starts by itself whenever you log in${way === 'autostart' ? ' to the desktop' : ''}.`
      : 'Keepsake does not start by itself: that was switched off. To switch it on: keepsake install',
    agentLine(status, agent),
  ];
  if (says !== undefined) lines.push(`It says: ${printable(says)}`);
  if (agent !== 'running' && trouble !== undefined) {
    lines.push(`The last time it ended by a fault (${printable(trouble)}). To see what is wrong: keepsake doctor`);
  }
  if (startsAtLogin && !isCurrent) {
    lines.push('How it is started is out of date, or was changed by hand. To put it right: keepsake install');
  }
  if (dailyCheck) lines.push('Once a day this computer looks whether it does its work.');
  else if (way === 'autostart') lines.push(...autostartWords);
  else lines.push('Nothing looks after it once a day. To put that right: keepsake install');
  lines.push('', 'The files for that:');
  for (const { path, state } of files) lines.push(`  ${printable(path)}${fileWords[state]}`);
  return `${lines.join('\n')}\n`;
}

const fileWords: Readonly<Record<LoginStatus['files'][number]['state'], string>> = {
  ours: '',
  packaged: ' (for everybody on this computer)',
  edited: ' (changed by hand)',
  foreign: ' (not written by Keepsake)',
};

export function describeUninstall(result: UninstallResult): string {
  const { removed, keptAside, left, stopped, agent, stays } = result;
  const lines = [
    removed.length > 0 || stopped
      ? 'Keepsake does not start by itself any more.'
      : 'There was nothing to undo: Keepsake does not start by itself.',
  ];
  if (stopped) lines.push('It was stopped. What was saved is whole.');
  if (agent === 'runningElsewhere') lines.push('One still runs in a window that you opened. Close it when you like.');
  for (const path of removed) lines.push(`  removed: ${printable(path)}`);
  lines.push(...asideLines(keptAside));
  for (const path of left) lines.push(`This is not of Keepsake, and was left: ${printable(path)}`);
  lines.push(
    '',
    'Nothing else was touched. These stay where they are:',
    stays.library === undefined ? '  your photo folder' : `  your photo folder: ${printable(stays.library)}`,
    ...stays.drives.map((name) => `  the copy on "${printable(name)}"`),
    `  settings: ${printable(stays.settings)}`,
    `  what Keepsake knows of your devices and photos: ${printable(stays.records)}`,
    `  its diary: ${printable(stays.logs)}`,
  );
  return `${lines.join('\n')}\n`;
}

function agentLine({ way, startsAtLogin }: LoginStatus, agent: LoginStatus['agent']): string {
  // Nothing takes over where nothing watches.
  if (agent === 'runningElsewhere' && (way === 'autostart' || !startsAtLogin)) {
    return 'Now it runs in a window that you opened.';
  }
  return agentWords[agent];
}

function asideLines(paths: readonly string[]): readonly string[] {
  return paths.map((path) => `There was a file that somebody had changed. It is kept as ${printable(path)}`);
}
