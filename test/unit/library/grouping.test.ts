// Files joined that are two photos hide one of them; files split that are one lose its sidecar, its edit or its movement.
import { describe, expect, test } from 'vitest';
import type { Content } from '../../../src/domain/media.ts';
import {
  type Candidate,
  candidateKey,
  candidateRank,
  confirmGroup,
  isEditedName,
  nameParts,
  sidecarTarget,
} from '../../../src/library/grouping.ts';

describe('candidateKey', () => {
  test.for([
    [
      [
        'IMG_1234.HEIC',
        'IMG_1234.MOV',
        'img_1234.heic',
        'IMG_1234.AAE',
        'IMG_O1234.AAE',
        'IMG_E1234.HEIC',
        'IMG_E1234.MOV',
      ],
      'img_1234',
    ],
    [['IMG_12345.HEIC', 'IMG_E12345.JPG'], 'img_12345'],
    [['GX010001.MP4', 'GL010001.LRV', 'GX010001.THM', 'gh010001.thm'], 'gopro 010001'],
    [['DSC_0001.NEF', 'DSC_0001.JPG', 'DSC_0001.xmp', 'DSC_0001.JPG.xmp', 'DSC_0001.NEF.xmp'], 'dsc_0001'],
    [
      [
        'photo.jpg',
        'photo-edited.jpg',
        'photo.jpg.json',
        'photo.jpg.supplemental-metadata.json',
        'photo.jpg.suppl.json',
      ],
      'photo',
    ],
    [['photo(1).jpg', 'photo.jpg(1).json', 'photo.jpg.supplemental-metadata(1).json'], 'photo(1)'],
    [['Ko\u0308ln.jpg', 'K\u00d6LN.JPG'], 'k\u00f6ln'],
    [['no extension'], 'no extension'],
    [['.hidden'], '.hidden'],
    [['DJI_0001.MP4', 'DJI_0001.LRF', 'DJI_0001.THM'], 'dji_0001'],
  ] as const)('%j share the key %s', ([names, key]) => {
    expect(new Set(names.map(candidateKey))).toEqual(new Set([key]));
  });

  test('Names that are not the same photo have keys of their own', () => {
    const names = [
      'IMG_1234.JPG',
      'IMG_1235.JPG',
      'IMG_1234 (1).JPG',
      'IMG_1234(1).JPG',
      'IMG_E123.JPG',
      'IMG_123.JPG',
      'XIMG_E1234.JPG',
      'album.json',
      'metadata.json',
      'GX020001.MP4',
      'GOPR0001.MP4',
      'photo-edited-2.jpg',
      'photo.jpg',
    ];
    expect(new Set(names.map(candidateKey)).size).toBe(names.length);
  });
});

describe('sidecarTarget and nameParts', () => {
  test.for([
    ['IMG_1.jpg.xmp', 'img_1.jpg', 'IMG_1', '.jpg.xmp'],
    ['IMG_1.xmp', undefined, 'IMG_1', '.xmp'],
    ['IMG_1.AAE', undefined, 'IMG_1', '.AAE'],
    ['IMG_1.jpg.json', 'img_1.jpg', 'IMG_1', '.jpg.json'],
    ['IMG_1.jpg(2).json', 'img_1(2).jpg', 'IMG_1(2)', '.jpg.json'],
    ['IMG_1.jpg.supplemental-metadata.json', 'img_1.jpg', 'IMG_1', '.jpg.supplemental-metadata.json'],
    ['IMG_1.jpg.supplemental-metadata(1).json', 'img_1(1).jpg', 'IMG_1(1)', '.jpg.supplemental-metadata.json'],
    ['IMG_1.jpg.s.json', 'img_1.jpg', 'IMG_1', '.jpg.s.json'],
    ['metadata.json', undefined, 'metadata', '.json'],
    ['IMG_1.jpg', undefined, 'IMG_1', '.jpg'],
    ['a.b.c', undefined, 'a.b', '.c'],
    ['.hidden', undefined, '.hidden', ''],
    ['no dot', undefined, 'no dot', ''],
    ['2024.07.14 on the beach', undefined, '2024.07.14 on the beach', ''],
  ] as const)('%s describes %s and is filed as %s + %s', ([name, target, stem, tail]) => {
    expect(sidecarTarget(name)).toBe(target);
    expect(nameParts(name)).toMatchObject({ stem, tail });
  });

  test('No part of a name is lost, except that a count moves to the stem', () => {
    for (const name of ['a.jpg', 'a.', '.a', '..', 'a.jpg.xmp', 'a..jpg', 'x.supplemental-metadata.json', ' .jpg']) {
      const { stem, tail } = nameParts(name);
      expect(`${stem}${tail}`).toBe(name);
    }
  });
});

test('Stills come before lone videos, and those before sidecars', () => {
  expect(['a.jpg', 'a.thm', 'a', 'a.nef', 'a.txt'].map(candidateRank)).toEqual([0, 0, 0, 0, 0]);
  expect(['a.MOV', 'a.lrv', 'a.mts'].map(candidateRank)).toEqual([1, 1, 1]);
  expect(['a.json', 'a.XMP', 'a.aae'].map(candidateRank)).toEqual([2, 2, 2]);
});

test('An edited name is one only in the forms that Apple and Google write', () => {
  expect(['IMG_E1234.HEIC', 'img_e1234.mov', 'x-edited.jpg'].map(isEditedName)).toEqual([true, true, true]);
  expect(['IMG_O1234.AAE', 'IMG_1234.JPG', 'edited.jpg', 'x-edited-1.jpg', 'IMG_EVENT.JPG'].map(isEditedName)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});

interface Facts {
  readonly id?: string;
  readonly at?: string;
}

const raw: Content = { kind: 'photo', mime: 'image/x-canon-cr2' };
const photo: Content = { kind: 'photo', mime: 'image/jpeg' };
const video: Content = { kind: 'video', mime: 'video/quicktime' };

function file(name: string, content: Content, { id, at }: Facts = {}): Candidate {
  const takenAt = at === undefined ? {} : { takenAt: { local: at, basis: 'exif' as const } };
  return { name, content, metadata: { ...takenAt, ...(id === undefined ? {} : { contentIdentifier: id }) } };
}

const sidecar = (name: string, kind: 'adjustments' | 'xmp' | 'googleMetadata') =>
  file(name, { kind: 'sidecar', sidecar: kind });

/** `kind: name=role name=role`, one line a group, then the followers; and every candidate exactly once. */
function group(...candidates: readonly Candidate[]): { groups: string[]; followers: string[] } {
  const { groups, followers, notMedia } = confirmGroup(candidates);
  const all = [...groups.flatMap(({ members }) => members), ...followers].map(({ candidate }) => candidate);
  expect([...all, ...notMedia].map(({ name }) => name).sort()).toEqual(candidates.map(({ name }) => name).sort());
  for (const { members } of groups) expect(members[0]?.role).toBe('original');
  return {
    groups: groups.map(({ kind, members }) => `${kind}: ${members.map(named).join(' ')}`),
    followers: followers.map(named),
  };
}

function named({ candidate, role }: { candidate: Candidate; role: string }): string {
  return `${candidate.name}=${role}`;
}

describe('confirmGroup', () => {
  test('A still and a video of one identifier are a Live Photo', () => {
    expect(group(file('IMG_1.HEIC', photo, { id: 'A' }), file('IMG_1.MOV', video, { id: 'A' })).groups).toEqual([
      'photo: IMG_1.HEIC=original IMG_1.MOV=pairedVideo',
    ]);
  });

  test.for([
    ['identifiers differ', { id: 'A' }, { id: 'B' }],
    ['neither has one', {}, {}],
    ['only the still has one', { id: 'A' }, {}],
    ['only the video has one', {}, { id: 'A' }],
  ] as const)('A shared name is no Live Photo: %s', ([, still, movie]) => {
    expect(group(file('IMG_1.HEIC', photo, still), file('IMG_1.MOV', video, movie)).groups).toEqual([
      'photo: IMG_1.HEIC=original',
      'video: IMG_1.MOV=original',
    ]);
  });

  test('Two stills of one video: each is a photo, one of them moves', () => {
    const { groups } = group(
      file('IMG_1.HEIC', photo, { id: 'A' }),
      file('IMG_1.JPG', photo, { id: 'A' }),
      file('IMG_1.MOV', video, { id: 'A' }),
    );
    expect(groups).toEqual(['photo: IMG_1.HEIC=original IMG_1.MOV=pairedVideo', 'photo: IMG_1.JPG=original']);
  });

  test('Two videos of one still: one is paired, the other is a video', () => {
    const { groups } = group(
      file('IMG_1.HEIC', photo, { id: 'A' }),
      file('IMG_1.MOV', video, { id: 'A' }),
      file('IMG_1.MP4', video, { id: 'A' }),
    );
    expect(groups).toEqual(['photo: IMG_1.HEIC=original IMG_1.MOV=pairedVideo', 'video: IMG_1.MP4=original']);
  });

  test('Case twins are two photos, and each keeps the sidecar that is spelt like it', () => {
    const { groups } = group(
      file('IMG_1.JPG', photo),
      file('img_1.jpg', photo),
      sidecar('IMG_1.xmp', 'xmp'),
      sidecar('img_1.xmp', 'xmp'),
    );
    expect(groups).toEqual(['photo: IMG_1.JPG=original IMG_1.xmp=xmp', 'photo: img_1.jpg=original img_1.xmp=xmp']);
  });

  test('A RAW goes with the JPEG of its moment', () => {
    const at = '2024-07-14T10:11:12';
    expect(group(file('a.CR2', raw, { at }), file('a.JPG', photo, { at: '2024-07-14T10:11:13.9' })).groups).toEqual([
      'photo: a.JPG=original a.CR2=alternate',
    ]);
    expect(group(file('a.CR2', raw), file('a.JPG', photo, { at })).groups).toHaveLength(1);
  });

  test('A RAW of another moment than the JPEG of its name is a photo of its own', () => {
    const { groups } = group(
      file('a.CR2', raw, { at: '2023-07-14T10:11:12' }),
      file('a.JPG', photo, { at: '2024-07-14T10:11:12' }),
    );
    expect(groups).toEqual(['photo: a.JPG=original', 'photo: a.CR2=original']);
  });

  test('A JPEG has one RAW: the next one is not taken for another rendition of it', () => {
    const { groups } = group(file('a.CR2', raw), file('a.DNG', raw), file('a.JPG', photo));
    expect(groups).toEqual(['photo: a.JPG=original a.CR2=alternate', 'photo: a.DNG=original']);
  });

  test('An edit and its sidecars go with the original', () => {
    const { groups } = group(
      file('IMG_1234.HEIC', photo, { id: 'A' }),
      file('IMG_1234.MOV', video, { id: 'A' }),
      file('IMG_E1234.HEIC', photo, { id: 'A' }),
      file('IMG_E1234.MOV', video, { id: 'A' }),
      sidecar('IMG_1234.AAE', 'adjustments'),
      sidecar('IMG_O1234.AAE', 'adjustments'),
    );
    expect(groups).toEqual([
      'photo: IMG_1234.HEIC=original IMG_1234.MOV=pairedVideo IMG_E1234.HEIC=edited IMG_E1234.MOV=editedVideo IMG_1234.AAE=adjustments IMG_O1234.AAE=adjustments',
    ]);
  });

  test('An edit without its original is a photo of its own', () => {
    expect(group(file('IMG_E1234.HEIC', photo)).groups).toEqual(['photo: IMG_E1234.HEIC=original']);
    expect(group(file('x-edited.jpg', photo), sidecar('x.jpg.json', 'googleMetadata')).groups).toEqual([
      'photo: x-edited.jpg=original x.jpg.json=googleMetadata',
    ]);
  });

  test('Adjustments without their photo follow it, which may be saved already', () => {
    expect(group(sidecar('IMG_O1234.AAE', 'adjustments'))).toEqual({
      groups: [],
      followers: ['IMG_O1234.AAE=adjustments'],
    });
  });

  test('A sidecar that names a file goes with that file', () => {
    const { groups } = group(
      file('a.CR2', raw, { at: '2020-01-01T00:00:00' }),
      file('a.jpg', photo, { at: '2024-01-01T00:00:00' }),
      sidecar('a.CR2.xmp', 'xmp'),
      sidecar('a.JPG.xmp', 'xmp'),
    );
    expect(groups).toEqual(['photo: a.jpg=original a.JPG.xmp=xmp', 'photo: a.CR2=original a.CR2.xmp=xmp']);
  });

  test.for([
    [['GX010001.MP4', 'GX010001.THM', 'GL010001.LRV']],
    [['GH010001.MP4', 'GH010001.THM', 'GL010001.LRV']],
    [['MVI_1.MP4', 'MVI_1.THM', 'MVI_1.LRV']],
  ] as const)('THM and LRV go with the video: %j', ([[main, thumb, small]]) => {
    expect(group(file(main, video), file(thumb, photo), file(small, video)).groups).toEqual([
      `video: ${main}=original ${thumb}=thumbnail ${small}=lowResolution`,
    ]);
  });

  test('A THM or LRV without its video is kept as what it is', () => {
    expect(group(file('GX010001.THM', photo)).groups).toEqual(['photo: GX010001.THM=original']);
    expect(group(file('GL010001.LRV', video)).groups).toEqual(['video: GL010001.LRV=original']);
    expect(group(file('GX010001.THM', photo), file('GL010001.LRV', video)).groups).toEqual([
      'photo: GX010001.THM=original',
      'video: GL010001.LRV=original',
    ]);
  });

  test('Two videos of one key are two videos, and each gets the thumbnail of its own stem', () => {
    const { groups } = group(file('GH010001.MP4', video), file('GX010001.MP4', video), file('GX010001.THM', photo));
    expect(groups).toEqual(['video: GH010001.MP4=original', 'video: GX010001.MP4=original GX010001.THM=thumbnail']);
  });

  test('What is no media is set apart and joins nothing', () => {
    const { notMedia, groups } = confirmGroup([
      file('a.jpg', photo),
      file('a.txt', { kind: 'other' }),
      file('a.gif', { kind: 'empty' }),
    ]);
    expect(notMedia.map(({ name }) => name)).toEqual(['a.txt', 'a.gif']);
    expect(groups[0]?.members).toHaveLength(1);
  });

  test('In whatever order they come, no file is dropped or used twice', () => {
    const files = [
      file('IMG_1234.HEIC', photo, { id: 'A' }),
      file('img_1234.heic', photo, { id: 'B' }),
      file('IMG_1234.MOV', video, { id: 'B' }),
      file('IMG_1234.MP4', video),
      file('IMG_E1234.JPG', photo),
      file('IMG_1234.DNG', raw),
      file('IMG_1234.THM', photo),
      file('IMG_1234.LRV', video),
      sidecar('IMG_1234.AAE', 'adjustments'),
      sidecar('IMG_1234.HEIC.xmp', 'xmp'),
      file('IMG_1234.txt', { kind: 'other' }),
    ];
    for (let turn = 0; turn < files.length; turn += 1) {
      const order = [...files.slice(turn), ...files.slice(0, turn)];
      group(...order);
      group(...order.toReversed());
    }
  });
});
