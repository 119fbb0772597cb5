// What the owner reads about copies on drives: what was copied and proven, what was found when checking, what is on which drive.

import type { DriveListing, Keepsake } from '../agent/control.ts';
import { printable } from '../domain/printable.ts';
import { count, describeCopy, files, listNames } from './words.ts';

export type MirrorResult = Awaited<ReturnType<Keepsake['mirror']>>;
export type VerifyResult = Awaited<ReturnType<Keepsake['verify']>>;
export type SafeToDelete = Awaited<ReturnType<Keepsake['safeToDelete']>>;

export function describeMirror({ copies, unusable }: MirrorResult): string {
  const lines = copies.flatMap((report) => [...describeCopy(report), '']);
  for (const { message, remedy } of unusable) lines.push(`${printable(message)} ${remedy}`, '');
  return `${lines.join('\n').trim()}\n`;
}

export function describeVerify(result: VerifyResult): string {
  const { checked, ok, missing, corrupt, unreadable, changed, unknown, repaired, drives, away, stops, dryRun } = result;
  const where =
    drives.length === 0 ? 'your photo folder' : `your photo folder and on "${drives.map(printable).join('", "')}"`;
  const lines = [`${files(checked)} checked in ${where}: ${count(ok, 'is', 'are')} right.`];
  const names = new Map<string, string>();
  const kinds = [
    [missing, 'gone', 'missing'],
    [corrupt, 'damaged', 'corrupt'],
    [unreadable, 'not readable', 'unreadable'],
    [changed, 'changed by another program', 'changed'],
    [unknown, 'on a drive and not put there by Keepsake (left alone)', 'unknown'],
  ] as const;
  for (const [amount, words, kind] of kinds) {
    if (amount === 0) continue;
    lines.push(`  ${files(amount)} ${amount === 1 ? 'is' : 'are'} ${words}:`);
    const paths = result.findings
      .filter((finding) => finding.kind === kind)
      .map(({ drive, path }) => `${path}${drive === 'library' ? '' : ` (on ${names.get(drive) ?? 'the drive'})`}`);
    lines.push(...listNames(paths, amount));
  }
  if (repaired > 0)
    lines.push(
      `  ${files(repaired)} ${dryRun ? 'can be' : repaired === 1 ? 'was' : 'were'} put right from a good copy.`,
    );
  if (repaired > 0 && !dryRun) lines.push('  What was in the place of the damaged ones is set aside, not deleted.');
  if (result.withoutGoodCopy.length > 0) {
    const amount = result.withoutGoodCopy.length;
    lines.push('', `Of ${files(amount)} no good copy could be reached:`);
    lines.push(
      ...listNames(
        result.withoutGoodCopy.map(({ path }) => path),
        amount,
      ),
    );
    lines.push(
      away.length > 0
        ? `Connect "${away.map(printable).join('", "')}", and check again: keepsake verify --repair`
        : 'If the phone or card they came from still has them, save from it again. Keep what is left of them.',
    );
  }
  for (const { path, message, remedy } of result.failures)
    lines.push('', `${printable(path)}: ${printable(message)} ${remedy}`);
  for (const { name, message, remedy } of stops)
    lines.push('', `"${printable(name)}": ${printable(message)} ${remedy}`);
  const isOpen = missing + corrupt + unreadable + changed > repaired;
  if (isOpen && repaired === 0 && result.withoutGoodCopy.length === 0)
    lines.push('', 'To put them right from a good copy: keepsake verify --repair');
  if (away.length > 0) lines.push('', `Not connected, and not checked: "${away.map(printable).join('", "')}".`);
  return `${lines.join('\n')}\n`;
}

export function describeDrives({ drives, unusable }: DriveListing): string {
  const lines: string[] = [];
  if (drives.length === 0)
    lines.push(
      'No drive was added for copies of your photos.',
      'To add one, connect it and name its folder:  keepsake drives add FOLDER',
    );
  for (const { id, name, connected, lastCopiedAt, lastCheckedAt, missing, isElsewhere, problems } of drives) {
    const facts = [
      connected ? 'connected' : 'not connected',
      lastCopiedAt === null ? 'not yet copied in full' : `last copied in full ${lastCopiedAt.slice(0, 10)}`,
      ...(lastCheckedAt === null ? [] : [`checked ${lastCheckedAt.slice(0, 10)}`]),
      ...(missing > 0 ? [`${files(missing)} waiting for it`] : []),
      ...(problems > 0 ? [`${files(problems)} not as they should be`] : []),
      ...(isElsewhere ? ['kept away from home'] : []),
    ];
    lines.push(`${printable(name)}: ${facts.join(', ')}`, `  ${id}`);
  }
  for (const { message, remedy } of unusable) lines.push('', `${printable(message)} ${remedy}`);
  return `${lines.join('\n')}\n`;
}

/** First of all what nobody may be allowed to overlook. */
const deletesElsewhere =
  'Deleting on this phone also deletes in iCloud and on your other devices, unless iCloud Photos is off.';

export function describeSafeToDelete({ devices, drives }: SafeToDelete): string {
  if (devices.length === 0) return 'Nothing was ever saved from a phone or card.\n';
  const lines: string[] = [];
  if (devices.some((device) => device.deletesElsewhere)) lines.push(deletesElsewhere, '');
  for (const { name, asOf, photos, safe, notSafe, notSaved, isLookedAt, notSafePaths } of devices) {
    const when = asOf === null ? '' : ` As it was when photos were last saved from it, ${asOf.slice(0, 10)}.`;
    if (notSafe === 0 && notSaved === 0 && isLookedAt && photos > 0) {
      lines.push(
        `"${printable(name)}": all ${count(photos, 'photo or video', 'photos and videos')} that came from it are on two disks, and were read again just now.${when}`,
      );
      continue;
    }
    lines.push(`"${printable(name)}": NOT safe to delete.${when}`);
    if (photos > 0)
      lines.push(
        `  ${safe} of ${count(photos, 'photo or video', 'photos and videos')} ${safe === 1 ? 'is' : 'are'} on two disks, and read again just now.`,
      );
    if (notSafe > 0)
      lines.push(`  ${notSafe} ${notSafe === 1 ? 'is' : 'are'} not:`, ...listNames(notSafePaths, notSafe));
    if (notSaved > 0) lines.push(`  ${files(notSaved)} on it ${notSaved === 1 ? 'is' : 'are'} not saved at all.`);
    if (!isLookedAt)
      lines.push('  Saving from it was cut off the last time, so what else is on it is not known. Save from it again.');
  }
  if (devices.some(({ notSafe }) => notSafe > 0)) {
    lines.push(
      '',
      drives.length === 0
        ? 'Connect a drive with a copy, and ask again.'
        : 'Copy what is missing, and ask again: keepsake mirror',
    );
  }
  lines.push('', 'Keepsake itself never deletes anything on a phone or card.');
  return `${lines.join('\n')}\n`;
}
