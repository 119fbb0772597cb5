// The icon and the menu, from the snapshot of how things stand. Pure.

import type { DriveStatus, Need, SourceStatus, Status } from '../../domain/status.ts';
import {
  deviceLinesMax,
  ejectLinesMax,
  newDevicesMax,
  type TrayIcon,
  type TrayLine,
  type TrayView,
} from './tray-view.ts';
import * as words from './tray-words.ts';

/** What threatens photos, or keeps Keepsake from doing its work; all else is something to answer or to plug in. */
const problems: ReadonlySet<string> = new Set([
  'LIBRARY_MISSING',
  'LIBRARY_GONE',
  'LIBRARY_READ_ONLY',
  'LIBRARY_FULL',
  'LIBRARY_TOO_SMALL',
  'LIBRARY_WRITE_FAILED',
  'LIBRARY_DAMAGED',
  'LIBRARY_TOO_NEW',
  'LIBRARY_UNSUITABLE',
  'LIBRARY_IN_CLOUD_FOLDER',
  'LIBRARY_ON_CARD',
  'LIBRARY_OVERLAPS_SOURCE',
  'CATALOG_DAMAGED',
  'CATALOG_TOO_NEW',
  'CONFIG_INVALID',
  'CONFIG_UNREADABLE',
  'STATE_DAMAGED',
  'STATE_WRITE_FAILED',
  'DRIVE_FULL',
  'DRIVE_READ_ONLY',
  'DRIVE_WRITE_FAILED',
  'DRIVE_READ_FAILED',
  'DRIVE_DAMAGED',
  'DRIVE_IMPOSTOR',
  'COPY_BRAKED',
  'FILE_CORRUPT',
  'FILES_DAMAGED',
  'FILES_MISSING',
  'DRILL_FAILED',
  'AGENT_IMPAIRED',
]);

export function renderTray(of: {
  readonly status: Status;
  readonly nowMs: number;
  readonly timeZone: string;
}): TrayView {
  const { status, nowMs } = of;
  return {
    icon: iconOf(status),
    headline: headline(of),
    devices: deviceLines(status, nowMs),
    ejects: status.drives
      .filter(({ connected }) => connected)
      .slice(0, ejectLinesMax)
      .map(({ id, name }) => ({ text: words.eject(name), wish: { kind: 'ejectDrive', drive: id } })),
    newDevices: status.newDevices.slice(0, newDevicesMax).map((device) => ({
      text: words.saveFrom(device),
      choices: [
        { text: words.always(device.kind), wish: { kind: 'decide', device: device.id, decision: 'always' } },
        // A phone that has to be trusted first is let in for good, or not at all.
        ...(device.kind === 'iphone' && device.newFiles === undefined
          ? []
          : [{ text: words.once, wish: { kind: 'saveOnce', device: device.id } } as const]),
        { text: words.never, wish: { kind: 'decide', device: device.id, decision: 'never' } },
      ],
    })),
    saveNow: { text: words.saveNow, wish: { kind: 'saveNow' } },
    pauses:
      status.pausedUntil === undefined
        ? [
            { text: words.pauseAnHour, wish: { kind: 'pause', until: 'inAnHour' } },
            { text: words.pauseTomorrow, wish: { kind: 'pause', until: 'tomorrow' } },
          ]
        : [{ text: words.goOn, wish: { kind: 'resume' } }],
    openFolder: { text: words.openFolder, wish: { kind: 'openPhotoFolder' } },
    stop: { text: words.stop, wish: { kind: 'stop' } },
  };
}

function iconOf(status: Status): TrayIcon {
  if (status.needsYou.some(({ code }) => problems.has(code))) return 'problem';
  if (status.state === 'saving') return 'working';
  if (status.needsYou.length > 0) return 'needsYou';
  if (status.pausedUntil !== undefined) return 'resting';
  // Nothing is called safe that was not proven: not even by an icon.
  return isAllSafe(status) ? 'safe' : 'resting';
}

function isAllSafe({ photos }: Status): boolean {
  return photos.assets > 0 && photos.safe === photos.assets;
}

function headline({ status, nowMs, timeZone }: Parameters<typeof renderTray>[0]): string {
  const { needsYou, jobs, pausedUntil, photos } = status;
  const [job] = jobs;
  const problem = needsYou.find(({ code }) => problems.has(code));
  if (problem !== undefined) return aboutNeeds(problem, needsYou);
  if (status.state === 'saving') return job === undefined || !('source' in job) ? words.working : words.progress(job);
  const [first] = needsYou;
  if (first !== undefined) return aboutNeeds(first, needsYou);
  if (pausedUntil !== undefined) return words.paused(pausedUntil, { nowMs, timeZone });
  if (photos.assets === 0) return words.nothingYet;
  return isAllSafe(status) ? words.allSafe(photos.assets) : words.someSafe(photos);
}

function aboutNeeds({ message }: Need, all: readonly Need[]): string {
  return words.need(message, all.length - 1);
}

function deviceLines(status: Status, nowMs: number): readonly TrayLine[] {
  const lines = [
    ...status.sources.filter(isShown).map((source) => words.source(source, nowMs)),
    ...status.drives.map((drive: DriveStatus) => words.drive(drive, nowMs)),
  ].map((text) => ({ text }));
  // Never nothing: the lines between the parts of the menu would meet.
  if (lines.length === 0 && status.newDevices.length === 0)
    return [{ text: status.state === 'saving' ? words.leaveIt : words.howToBegin }];
  if (lines.length <= deviceLinesMax) return lines;
  const shown = lines.slice(0, deviceLinesMax - 1);
  return [...shown, { text: words.more(lines.length - shown.length) }];
}

/** Cards and folders are never overdue: they have a line while they are here. */
function isShown({ kind, connected }: SourceStatus): boolean {
  return kind === 'iphone' || (kind === 'card' && connected === true);
}
