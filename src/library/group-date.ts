// When the photo was taken that a group of files makes: the facts of its primary, and what only its other files know.

import { type CaptureDate, isOriginalRole } from '../domain/media.ts';
import { decideCaptureDate } from './capture-date.ts';
import type { ConfirmedGroup } from './grouping.ts';
import { type Matchable, primaryOf } from './matching.ts';

export function dateOfGroup(
  group: ConfirmedGroup<Matchable>,
  { nowMs, timeZone }: { readonly nowMs: number; readonly timeZone: string },
): CaptureDate {
  const { file, metadata } = primaryOf(group);
  const originals = group.members.filter(({ role }) => isOriginalRole(role)).map(({ candidate }) => candidate.metadata);
  const takenAt = originals.find((each) => each.takenAt !== undefined)?.takenAt;
  const sidecar = group.members.find(({ candidate }) => candidate.sidecarTakenAtMs !== undefined);
  const sidecarTakenAtMs = sidecar?.candidate.sidecarTakenAtMs;
  return decideCaptureDate({
    metadata: takenAt === undefined ? metadata : { ...metadata, takenAt },
    kind: group.kind,
    fileName: file.name,
    modifiedAtMs: Number(file.identity.modifiedAtNs / 1_000_000n),
    nowMs,
    timeZone,
    ...(sidecarTakenAtMs === undefined ? {} : { sidecarTakenAtMs }),
    ...(file.listed === undefined ? {} : { listed: file.listed }),
    ...(file.bornAtMs === undefined ? {} : { bornAtMs: file.bornAtMs }),
    ...(file.changedAtMs === undefined ? {} : { changedAtMs: file.changedAtMs }),
  });
}
