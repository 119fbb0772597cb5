// What the owner reads in the terminal: short, calm, exact. Numbers first, then the next step.

import type { BackupResult } from '../agent/control.ts';
import type { Advice, Device } from '../agent/devices.ts';
import { describePhotos } from '../agent/photos-words.ts';
import { printable } from '../domain/printable.ts';
import type { Status } from '../domain/status.ts';

type Report = BackupResult['imports'][number];
const namedMax = 20;

export function inWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function count(amount: number, one: string, many: string): string {
  return `${amount.toLocaleString('en')} ${amount === 1 ? one : many}`;
}

export function files(amount: number): string {
  return count(amount, 'file', 'files');
}

export const noRawDates =
  'Some RAW photos or videos were dated by their file time, because "perl" is not installed on this computer.';

export function describeBackup(result: BackupResult): string {
  const lines = result.imports.flatMap((report) => [
    ...describeImport(report),
    ...(report.photos === undefined ? [] : describeAccount(report, report.photos)),
    '',
  ]);
  for (const copy of result.copies) lines.push(...describeCopy(copy), '');
  if (result.copyFailure !== undefined)
    lines.push(
      `Copying to your drives did not come to its end. ${printable(result.copyFailure.message)} ${result.copyFailure.remedy}`,
      '',
    );
  const saved = result.imports.some((report) => report.imported > 0 && report.dryRun === undefined);
  if (saved) lines.push(`Your photos are in ${result.library}`);
  if (result.missingProgram !== undefined) {
    lines.push(noRawDates);
  }
  return `${lines.join('\n').trim()}\n`;
}

export function describeImport(report: Report): readonly string[] {
  const { imported, known, duplicates, notMedia, deferred, failed, dryRun } = report;
  const lines: string[] = [];
  if (dryRun) lines.push(`"${report.source.name}": ${files(imported)} would be saved (${inWords(report.bytes)}).`);
  else if (imported > 0) lines.push(`"${report.source.name}": ${files(imported)} saved (${inWords(report.bytes)}).`);
  else lines.push(`"${report.source.name}": nothing new was saved.`);
  if (known > 0) lines.push(`  ${files(known)} had been saved before.`);
  if (duplicates > 0) lines.push(`  ${files(duplicates)} had been saved before, from elsewhere or under other names.`);
  if (notMedia > 0) {
    lines.push(
      `  ${files(notMedia)} ${notMedia === 1 ? 'is' : 'are'} neither photo nor video and ${notMedia === 1 ? 'was' : 'were'} not saved:`,
    );
    lines.push(...listNames(report.notMediaPaths, notMedia));
  }
  if (deferred > 0)
    lines.push(
      `  ${files(deferred)} ${deferred === 1 ? 'is' : 'are'} still being written. Save again when that is done.`,
    );
  if (failed > 0) {
    lines.push(`  ${files(failed)} could NOT be saved:`);
    lines.push(...describeFailures(report.failures, failed));
  }
  const { stopped } = report;
  if (stopped !== undefined) lines.push('', stopped.message, stopped.remedy);
  else if (!dryRun && report.complete) lines.push('  All photos and videos on it are saved.');
  return lines;
}

/** What came of copying to one drive. */
export function describeCopy(report: BackupResult['copies'][number]): readonly string[] {
  const { copied, adopted, moved, removed, readBack, perhapsFromMemory, failed, bytes, stopped, failures, odd } =
    report;
  const name = `"${printable(report.driveName)}"`;
  const lines: string[] = [];
  if (copied > 0) lines.push(`${name}: ${files(copied)} copied (${inWords(bytes)}).`);
  else if (adopted + moved + removed > 0) lines.push(`${name}: nothing had to be copied.`);
  else if (stopped === undefined && failed === 0) lines.push(`${name}: everything is on it already.`);
  else lines.push(`${name}: nothing was copied.`);
  if (adopted > 0) lines.push(`  ${files(adopted)} had been on it before and ${adopted === 1 ? 'is' : 'are'} right.`);
  if (moved > 0)
    lines.push(`  ${files(moved)} moved there as you moved ${moved === 1 ? 'it' : 'them'} in your photo folder.`);
  if (removed > 0) lines.push(`  ${files(removed)} you removed went to the trash on it.`);
  if (readBack > 0) {
    const memory =
      perhapsFromMemory === 0
        ? ''
        : `, ${perhapsFromMemory === readBack ? 'perhaps' : 'some of it perhaps'} from this computer's memory`;
    lines.push(`  ${files(readBack)} read back from it and ${readBack === 1 ? 'was' : 'were'} right${memory}.`);
  }
  if (odd.length > 0) {
    lines.push(
      `  ${count(odd.length, 'name is a link or cannot be read as text and is', 'names are links or cannot be read as text and are')} not copied:`,
    );
    lines.push(...listNames(odd, odd.length));
  }
  if (failed > 0) {
    lines.push(`  ${files(failed)} could NOT be copied:`);
    for (const { path, message, remedy, code } of failures.slice(0, namedMax))
      lines.push(`    ${printable(path)}`, `      ${printable(message)} ${remedy} (${code})`);
    if (failed > namedMax) lines.push(`    … and ${failed - namedMax} more`);
  }
  if (stopped !== undefined) lines.push('', `${printable(stopped.message)} ${stopped.remedy}`);
  return lines;
}

/** What else there is on a phone, and what is not on it. */
function describeAccount(
  { source, imported, known, recentlyDeleted = [] }: Report,
  account: NonNullable<Report['photos']>,
): readonly string[] {
  const { needsYou, notes } = describePhotos({ ...source, account });
  const isFirst = source.kind === 'iphone' && imported > 0 && known === 0;
  const first = isFirst ? ['', `  ${outsidePhotos}`] : [];
  const lines = [...needsYou, ...notes].flatMap(({ code, message, remedy }) => {
    const names = code === 'RECENTLY_DELETED' ? recentlyDeleted : [];
    const shown = names
      .slice(0, namedMax)
      .map(({ name, daysLeft }) => `    ${printable(name)}: ${count(daysLeft, 'day', 'days')} left`);
    const more = names.length > shown.length ? [`    … and ${names.length - shown.length} more`] : [];
    return ['', `  ${printable(`${message} ${remedy}`.trim())}`, ...shown, ...more];
  });
  return [...lines, ...first];
}

/** Said once, with the first photos of a phone. */
const outsidePhotos =
  'Pictures that are only inside Messages or WhatsApp are not among the photos of an iPhone and cannot be seen from here. To have them saved, save them to Photos on it first.';

/** @param failures of deferred files too, which are no failures to name here. */
export function describeFailures(failures: Report['failures'], failed: number): readonly string[] {
  const lines: string[] = [];
  const named = failures.filter(({ code }) => code !== 'SOURCE_ENTRY_CHANGING');
  for (const { path, message, remedy, code } of named.slice(0, namedMax)) {
    lines.push(`    ${printable(path)}`, `      ${message} ${remedy} (${code})`);
  }
  return failed > namedMax ? [...lines, `    … and ${failed - namedMax} more`] : lines;
}

export function listNames(paths: readonly string[], total: number): readonly string[] {
  const shown = paths.slice(0, namedMax).map((path) => `    ${printable(path)}`);
  return total > shown.length ? [...shown, `    … and ${total - shown.length} more`] : shown;
}

const decisionWords: Readonly<Record<Device['decision'], string>> = {
  ask: 'not decided yet',
  always: 'photos are saved from it',
  never: 'left alone',
  retired: 'no longer in use',
};

/** @param lacking what this computer lacks to notice them all. */
export function describeDevices(devices: readonly Device[], lacking: readonly Advice[]): string {
  const hints = lacking.map(({ message, remedy }) => `\n${message} ${remedy}\n`).join('');
  if (devices.length === 0) return `No iPhone, camera card or watched folder was ever connected.\n${hints}`;
  const list = devices
    .map(({ id, name, decision, connected, lastSeenAt }) => {
      const where = connected ? 'connected' : `last connected ${lastSeenAt.slice(0, 10)}`;
      return `${printable(name)}: ${decisionWords[decision]}, ${where}\n  ${id}\n`;
    })
    .join('');
  return list + hints;
}

export function describeStatus(status: Status): string {
  const lines: string[] = [];
  if (status.state === 'neverSaved') {
    lines.push(
      'No photos have been saved yet.',
      `They will be saved in ${status.library}`,
      'To begin: keepsake backup FOLDER',
    );
  } else {
    lines.push(`${count(status.photos.inLibrary, 'photo or video', 'photos and videos')} in ${status.library}`);
    if (status.state === 'saving') lines.push(...status.jobs.map(describeJob));
    for (const source of status.sources) {
      const when =
        source.lastSuccessAt === null
          ? 'not yet saved in full'
          : `last saved ${source.complete ? 'in full ' : ''}${source.lastSuccessAt.slice(0, 10)}`;
      lines.push(`  ${printable(source.name)}: ${when}`);
    }
    for (const drive of status.drives) {
      const when =
        drive.lastCopiedAt === null ? 'not yet copied in full' : `copied in full ${drive.lastCopiedAt.slice(0, 10)}`;
      const waiting = drive.missing === 0 ? '' : `, ${files(drive.missing)} waiting for it`;
      lines.push(`  Copy on ${printable(drive.name)}: ${when}${waiting}`);
    }
  }
  if (status.pausedUntil !== undefined) {
    const until =
      status.pausedUntil === null
        ? 'until you go on'
        : `until ${status.pausedUntil.slice(0, 16).replace('T', ' ')} UTC`;
    lines.push(`Keepsake is paused ${until}. To go on: keepsake resume`);
  }
  if (status.agent === 'notRunning')
    lines.push(
      'Keepsake is not running: phones and cards are not noticed. To start it, now and at each login: keepsake install',
    );
  const icon = status.icon === undefined || status.icon.shown ? [] : [status.icon.reason];
  for (const { message, remedy } of [...status.needsYou, ...status.notes, ...icon])
    lines.push('', `${printable(message)} ${remedy}`.trim());
  if (status.undelivered.length > 0) lines.push('', 'Messages that this desktop did not show:');
  for (const { message } of status.undelivered) lines.push(`  ${printable(message)}`);
  return `${lines.join('\n')}\n`;
}

function describeJob(job: Status['jobs'][number]): string {
  if (!('name' in job)) return 'Photos are being saved right now.';
  const { name, files, filesTotal } = job;
  const far = filesTotal === undefined || filesTotal === 0 ? '' : `: ${files} of ${count(filesTotal, 'file', 'files')}`;
  return `Photos are being saved from "${printable(name)}" right now${far}.`;
}
