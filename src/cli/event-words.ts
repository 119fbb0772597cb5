// What the agent says in a terminal about what it notices and does: one short paragraph each, nothing for what needs no words.

import { type AgentEvent, type Announcement, describeTrouble, type Failure } from '../agent/agent-state.ts';
import type { BackupResult } from '../agent/control.ts';
import type { SeenDevice } from '../agent/devices.ts';
import { printable } from '../domain/printable.ts';
import { count, describeCopy, describeImport, inWords } from './words.ts';

type Report = BackupResult['imports'][number];

const command = 'keepsake';

export function describeEvent(event: AgentEvent): string | undefined {
  switch (event.kind) {
    case 'announced':
      return describeAnnouncement(event.announcement);
    case 'importBegan':
      return `Looking at "${printable(event.name)}" …`;
    case 'importEnded':
      return [
        ...event.result.imports.map(describeAfterImport),
        ...(event.iCloudOnly === undefined ? [] : [describeFailure(event.iCloudOnly)]),
      ].join('\n');
    case 'importFailed':
      return `"${printable(event.name)}" could not be saved from. ${printable(event.failure.message)} ${event.failure.remedy}`;
    case 'left':
      return `"${printable(event.name)}" was ${event.deviceKind === 'iphone' ? 'disconnected' : 'taken out'}.`;
    case 'partTroubled': {
      if (!event.isInTrouble) return undefined;
      const { message, remedy } = describeTrouble(event.part);
      return `${message} ${remedy}`;
    }
    case 'arrived':
      return event.device.advice === undefined ? undefined : describeAdvice(event.device);
    case 'copyEnded':
      return event.report === undefined || event.isKnown ? undefined : describeCopy(event.report).join('\n');
    case 'copyFailed':
      return `Nothing could be copied to "${printable(event.name)}". ${printable(event.failure.message)} ${event.failure.remedy}`;
    case 'driveLeft':
      return `The drive "${printable(event.name)}" was taken out.`;
    case 'reminded':
      if (event.tell.length === 0) return undefined;
      return event.tell.map(({ sentence: { message, remedy } }) => `${printable(message)} ${remedy}`.trim()).join('\n');
    case 'decided':
    case 'driveArrived':
    case 'copyBegan':
    case 'jobEnded':
    case 'importProgress':
    case 'asked':
    case 'iconChanged':
    case 'undelivered':
      return undefined;
    case 'ejected':
      return event.failure === undefined
        ? `You can unplug "${printable(event.name)}" now.`
        : describeFailure(event.failure);
    case 'refused':
      return describeFailure(event.failure);
  }
}

function describeFailure({ message, remedy }: Failure): string {
  return `${printable(message)} ${remedy}`;
}

/** What keeps a phone from being saved from, and what its owner can do. */
function describeAdvice({ name, advice }: SeenDevice): string | undefined {
  return advice === undefined ? undefined : `"${printable(name)}": ${printable(advice.message)} ${advice.remedy}`;
}

function describeContents({
  newFiles,
  newBytes,
  knownFiles,
  isEstimate,
}: NonNullable<Announcement['contents']>): string {
  const about = isEstimate ? 'about ' : '';
  const fresh =
    newFiles === 0 ? 'nothing new' : `${about}${count(newFiles, 'new file', 'new files')} (${inWords(newBytes)})`;
  const known =
    knownFiles === 0
      ? ''
      : ` ${isEstimate ? 'About ' : ''}${knownFiles.toLocaleString('en')} are in your photo folder already.`;
  return `: ${fresh}.${known}`;
}

function describeAnnouncement({ id, name, contents, replaces }: Announcement): string {
  return [
    `"${printable(name)}" is connected for the first time${contents === undefined ? '.' : describeContents(contents)} Nothing is saved from it until you say so.`,
    `  Save its photos, now and each time:  ${command} enroll ${id}`,
    `  Only this once:                      ${command} backup ${id}`,
    `  Never:                               ${command} ignore ${id}`,
    ...(replaces === undefined
      ? []
      : [
          `  Most of its photos came from "${printable(replaces.name)}" before. If it takes the place of that one:`,
          `                                       ${command} enroll ${id} --replaces ${replaces.id}`,
        ]),
  ].join('\n');
}

/** Exactly what is true of this card now, and what may be done with it. */
function describeAfterImport(report: Report): string {
  const words = describeImport(report).join('\n');
  if (report.stopped !== undefined || report.source.kind !== 'card') return words;
  return `${words}\n  ${mayFormat(report)}`;
}

/** Whether its photos are on a second disk is not known from saving them: that is asked for by name, and then read again. */
function mayFormat({ complete, source }: Report): string {
  if (!complete) return 'Do not format this card: not everything on it is saved.';
  return `You may take it out. Do not format this card before you have asked:  ${command} safe-to-delete ${source.id}`;
}
