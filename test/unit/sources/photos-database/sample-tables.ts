// What stands in the sample libraries: written down from Apple's own tables with the sqlite3 command line and read over by eye, row by
// row, so that the reader is compared with somebody else's reading. One photo a line, in the order of the table:
//   UUID | file | name at capture | kind | place of the original | bytes | taken (UTC) | minutes from UTC | what else | albums | caption
// File: an extension is a Mac's usual place, `<first digit>/<UUID>.<extension>`; `(elsewhere)` a file that is only linked to. What else:
// a burst with its id, `picked` or `left`; a Live Photo with its id, place and bytes of the moving half.

import type { PhotosAsset } from '../../../../src/domain/photos-asset.ts';

/** macOS 15.7.2, model 18600. */
const macos15point7 = `
D07B18F1-9D95-4DC8-8F7C-A6AEB77F1534 | .heic | IMG_2226.HEIC | photo | here | 6566697 | 2025-03-11T16:25:11.269Z | -240 | 
79D1A1A5-B1EA-41D1-83B1-C71F001E6D49 | .jpeg | IMG_0667.JPG | photo | here | 3309818 | 2016-10-09T19:44:18.778Z | -300 | burst D4E4B3D1-0E45-4987-BE12-76D604E25D2C picked | BurstPhotoSelection
420451DF-5299-41C1-8B71-83E1598D6F5C | .mov | IMG_3539.MOV | video | here | 1765552 | 2016-01-18T22:20:40.000Z | -420 | 
542D92E9-0318-4A23-A9B0-E328332BD983 | .mov | IMG_7027.MOV | video | here | 12110527 | 2024-05-30T21:10:12.000Z | -420 | 
D87BFE7E-A479-4ECD-98E8-1A8D06EF607E | .jpeg | IMG_0664.JPG | photo | here | 3000778 | 2016-10-09T19:44:18.445Z | -300 | unshown burst D4E4B3D1-0E45-4987-BE12-76D604E25D2C left
3715655F-9437-4B8E-ADE5-515CD1FD0343 | .mov | IMG_0905.MOV | video | here | 12626461 | 2020-01-12T22:16:56.000Z | -480 | edited
1AA0EB69-C3B3-44E7-9AA3-275F0347ABD8 | .jpeg | IMG_1994.JPG | photo | here | 2901554 | 2020-04-15T15:25:51.000Z | -300 | 
5F9BCC2D-D1DF-46D8-8F70-C142B25D3DC3 | .heic | IMG_0102.HEIC | photo | here | 437204 | 2021-08-06T18:32:22.397Z | -420 | 
A344F711-313A-4D64-AA6D-108013A43DD4 | .png | IMG_2908.PNG | photo | here | 927090 | 2015-09-27T21:29:28.000Z | -300 | 
EA3D27D0-73EF-4E4C-A8D5-B2478568EC38 | .heic | IMG_5747.HEIC | photo | here | 2085448 | 2025-12-13T23:39:20.108Z | -360 | 
BB0F9F05-D186-4D43-9903-A4AD7A1BC8B0 | .jpeg | IMG_0658.JPG | photo | here | 3283234 | 2016-10-09T19:44:17.878Z | -300 | burst D4E4B3D1-0E45-4987-BE12-76D604E25D2C picked | BurstAlbum
7B85B835-AB73-46B1-8840-6BA63FB2D9DD | .jpeg | IMG_0675.JPG | photo | here | 3343470 | 2016-10-09T19:44:19.579Z | -300 | unshown burst D4E4B3D1-0E45-4987-BE12-76D604E25D2C left
E03F1E85-1658-4363-9E68-CCE12F9B14F2 | .mov | IMG_3932.MOV | video | here | 9072857 | 2025-07-05T01:25:08.000Z | -300 | 
9CD04458-A18F-4F92-8361-0AE85A72FAFF | .heic | IMG_4347.HEIC | photo | here | 6114397 | 2021-04-28T14:29:53.894Z | -420 | live E9D731F9-C9D0-4895-810F-6DB9202DB9F1 here 5392947
EC19EA1A-FC91-449C-8925-B13D863E2EDB | .heic | IMG_3582.HEIC | photo | here | 2020333 | 2025-05-26T14:27:06.603Z | -300 | live 602FEBB7-6B59-4799-96E6-9C8484D873C7 here 2978475
D562F353-7A22-4367-9A7F-153A4D9F149C | .heic | IMG_4580.HEIC | photo | here | 1812022 | 2025-08-17T23:33:48.600Z | -240 | live 4E1A1B89-CE70-4FF8-873B-E4470B839314 here 3404730
CDFC3B62-EDFD-4A49-A80F-00BB7822D0E8 | .heic | IMG_4076.HEIC | photo | here | 3766538 | 2025-07-12T00:58:58.398Z | -240 | live 54D2AF67-22B3-4113-8319-21A52585BA3A here 4599959
B60C31AC-BE86-42C5-A383-A0A5710B18AE | .heic | IMG_4394.HEIC | photo | here | 1779401 | 2025-08-06T22:14:22.332Z | -300 | edited live ED2A2552-C906-486E-9DA5-17DABDF672A7 here 3554168
`;

/** macOS 12.0.1, 13.0.0 and 15.4.1: one library, opened by one version after another. */
const macos12to15point4 = `
A1DD1F98-2ECD-431F-9AC9-5AFEFE2D3A5C | (elsewhere) Pumpkins4.jpg | Pumpkins4.jpg | photo | unknown | 700340 | 2018-09-28T19:39:59.008Z | -240 | hidden |  | Pumpkin heads
1EB2B765-0765-43BA-A90C-0D0580E6172C | .jpeg | Pumpkins3.jpg | photo | here | 588140 | 2018-09-28T20:09:33.022Z | -240 |  | Pumpkin Farm | Kids in pumpkin field
E9BC5C36-7CD1-40A1-A72B-8B8FAC227D51 | .jpeg | wedding.jpg | photo | here | 460483 | 2019-04-15T18:40:24.086Z | -240 | favorite edited | Folder1/SubFolder2/AlbumInFolder; I have a deleted twin | Bride Wedding day
F12384F6-CD17-4151-ACBA-AE0E3688539E | .jpeg | Pumkins1.jpg | photo | here | 554127 | 2018-09-28T19:35:49.063Z | -240 |  | Pumpkin Farm; Test Album | Girls with pumpkins
D79B8D77-BFFC-460B-9312-034F2877D35B | .jpeg | Pumkins2.jpg | photo | here | 541174 | 2018-09-28T20:07:07.000Z | -240 |  | Pumpkin Farm; Test Album | Girl holding pumpkin
DC99FBDD-7A52-4100-A5BB-344131646C30 | .jpeg | St James Park.jpg | photo | here | 1262861 | 2018-10-13T13:18:12.501Z | -240 | edited |  | St. James's Park
6191423D-8DB8-4D4C-92BE-9BBBA308AAC4 | .jpeg | Tulips.jpg | photo | here | 512561 | 2019-07-04T20:24:01.000Z | -240 | edited |  | Wedding tulips
3DD2C897-F19E-4CA6-8C22-B027D5A71907 | .jpeg | IMG_4547.jpg | photo | here | 1477654 | 2017-06-20T07:48:56.518Z | 570 |  | Folder1/SubFolder2/AlbumInFolder; 2018-10 - Sponsion, Museum, Frühstück, Römermuseum; 2019-10/11 Paris Clermont | \u2068Elder Park\u2069, \u2068Adelaide\u2069, \u2068Australia\u2069
D05A5FE3-15FB-49A1-A15D-AB3DA6F8B068 | .dng | DSC03584.dng | photo | here | 21473824 | 2020-04-12T17:30:23.000Z | -420 |  | Folder2/Raw | RAW only
A92D9C26-3A50-4197-9388-CB5F7DB9FA91 | .jpeg | IMG_1994.JPG | photo | here | 2901554 | 2020-04-15T17:25:51.000Z | -420 |  | Folder2/Raw | RAW + JPEG, JPEG Original
4D521201-92AC-43E5-8F7C-59BC41C37A96 | .jpeg | IMG_1997.JPG | photo | here | 2991408 | 2020-04-16T17:42:58.000Z | -420 |  | Folder2/Raw | RAW + JPEG, RAW original
8E1D7BC9-9321-44F9-8CFB-4083F6B9232A | (elsewhere) IMG_2000.JPG | IMG_2000.JPG | photo | unknown | 3869191 | 2020-04-16T19:28:21.000Z | -420 |  | Folder2/Raw | RAW + JPEG, Not copied to library
8846E3E6-8AC8-4857-8448-E3D025784410 | .tiff | IMG_1693.tif | photo | here | 48774438 | - | -420 | 
71E3E212-00EB-430D-8A63-5E294B268554 | .jpeg | IMG_1064.jpeg | photo | here | 2175827 | 2020-02-05T00:07:38.704Z | -300 | trashed 2120-06-10T16:24:47.686Z
6FD38366-3BF2-407D-81FE-7153EB6125B6 | .jpeg | wedding_edited.jpg | photo | here | 536126 | 2019-04-15T21:40:24.860Z | -420 | trashed 2120-06-10T16:24:47.686Z
7783E8E6-9CAC-40F3-BE22-81FB7051C266 | .heic | IMG_3092.heic | photo | here | 1877314 | 2020-09-19T21:36:26.719Z | -420 | edited
`;

/** macOS 11 beta with iCloud Photos, model 14104. */
const macos11WithCloud = `
8DB242AF-0CA6-4FAF-88E4-D8C5C770E76E | 17058154511/9F9A2608-AFE0-4232-A0DC-5ABA7317B978/UUID.MP4 | 8DB242AF-0CA6-4FAF-88E4-D8C5C770E76E.MP4 | video | unknown | - | 2017-01-31T23:03:12.000Z | - | unshown sharedAlbum | osxphotos
2094984A-21DC-4A6E-88A6-7344F648B92E | 17058154511/9F9A2608-AFE0-4232-A0DC-5ABA7317B978/UUID.JPG | 2094984A-21DC-4A6E-88A6-7344F648B92E.JPG | photo | unknown | - | 2019-09-14T00:18:32.000Z | - | unshown sharedAlbum | osxphotos
DDAF13E2-55DA-4748-8EC9-89238D3AE062 | 17058154511/9F9A2608-AFE0-4232-A0DC-5ABA7317B978/UUID.MP4 | DDAF13E2-55DA-4748-8EC9-89238D3AE062.MP4 | video | unknown | - | 2020-01-12T22:16:56.000Z | - | unshown sharedAlbum | osxphotos
793A2156-4E2D-4330-8D7D-97C4E58DDC41 | 17058154511/9F9A2608-AFE0-4232-A0DC-5ABA7317B978/UUID.JPG | 793A2156-4E2D-4330-8D7D-97C4E58DDC41.JPG | photo | unknown | - | 2019-09-15T15:15:29.000Z | - | unshown sharedAlbum | osxphotos
FADE80C9-1202-4845-93EC-FB08275A2A58 | 17058154511/9F9A2608-AFE0-4232-A0DC-5ABA7317B978/UUID.JPG | FADE80C9-1202-4845-93EC-FB08275A2A58.JPG | photo | unknown | - | 2019-08-14T15:13:02.000Z | - | unshown sharedAlbum | osxphotos
9D443C7F-3D3C-4331-97EE-93DE59AE7EF5 | .jpeg | IMG_0027.JPG | photo | here | 2062402 | 2020-01-12T21:55:09.144Z | - | 
867964DB-6C3C-4D2C-89EE-E0DD8B08333F | .jpeg | AFTERNOON WALK IN TOKYO.JPEG | photo | here | 485453 | 2020-01-11T05:19:40.000Z | -480 | 
9B79AE7F-5A98-44D4-99F8-0159B8E9B88E | .jpeg | IMG_0026.JPG | photo | here | 2022939 | 2020-01-12T21:55:08.940Z | - | 
DC310838-BC30-4AF9-B18A-AC0782D25EFE | .jpeg | IMG_0007.JPG | photo | here | 4885556 | 2020-01-05T21:03:47.501Z | -480 | 
1777BDEE-1172-4F8A-9E0F-B7028C885520 | .jpeg | IMG_0028.JPG | photo | here | 2029982 | 2020-01-12T21:55:09.297Z | - | 
4A22B75F-1E74-4C40-A742-5F14269C6CD6 | .jpeg | IMG_0006.JPG | photo | here | 2184773 | 2020-01-05T21:03:32.996Z | - | 
B8C2751C-CAF4-4155-A127-8453093BDA91 | .mov | IMG_0016.MOV | video | here | 2266687 | 2020-01-05T21:55:05.000Z | - | 
885AD89C-FD5B-4FC3-A22F-3DE99818E976 | .jpeg | IMG_0014.JPG | photo | here | 353484 | 2020-01-05T21:09:53.058Z | -480 | 
B332E750-0CA9-4109-97D0-B827C3F2532E | .mov | 30716CBB-9783-4346-9CE4-6142D05076DB.MOV | video | here | 4970197 | 2020-01-12T22:16:56.000Z | -480 | 
22C0B41C-ADD8-4F10-A521-F14748A6CAFC | .jpeg | IMG_0021.JPG | photo | here | 351693 | 2020-01-05T23:32:52.656Z | - | edited
C6BD82D9-881F-45D6-9CCF-F7C9C28F6648 | .mov | IMG_2908.MOV | video | here | 3653707 | 2017-02-01T19:15:00.000Z | -480 | 
FC638F58-84BE-4083-B5DE-F85BDC729062 | .jpeg | IMG_0004.JPG | photo | here | 2755869 | 2020-01-05T20:46:43.791Z | - | 
22A9A0F4-9195-494E-BB13-E678923CADD3 | .mov | IMG_0029.MOV | video | here | 1280973 | 2020-01-12T22:16:17.000Z | - | 
EC902321-47A2-47FA-B9B9-932F3CF27EF1 | .jpeg | IMG_0003.JPG | photo | here | 2135989 | 2020-01-05T20:41:41.273Z | - | 
AAD31501-7C94-4D89-8BB6-7BE40B4E387F | .jpeg | IMG_0024.JPG | photo | here | 1973572 | 2020-01-12T21:55:08.481Z | - | 
DB0CCC3C-99B6-479D-9C87-13116501908B | .jpeg | C1283C60-4C4D-4A12-A4ED-80282308F62A.JPG | photo | here | 517495 | 2019-08-14T15:13:02.699Z | -420 | 
2D68717B-77A8-4BC4-BCC6-FA6DA657F339 | .jpeg | IMG_0025.JPG | photo | here | 2021394 | 2020-01-12T21:55:08.736Z | - | 
67DD3BDC-AF10-4478-BFD2-C7D71DB78820 | .jpeg | 48349797706_66AB5DAAFB_O.JPG | photo | here | 2766672 | 2019-04-16T00:10:46.980Z | -420 |  | Photo Shoot | Editorial Novias 2019 Fotografía Fausto García
8E5C253A-A7EA-44D6-B2F5-E71FDD95C795 | .jpeg | IMG_0728.JPG | photo | here | 2502386 | 2019-12-30T03:01:15.505Z | -480 | edited live C3754624-A05F-474D-9F16-E9C47B5F892D here 2759077
61150483-7DE0-485D-8921-C4D630195948 | .mov | IMG_0019.MOV | video | here | 2549087 | 2020-01-05T22:13:13.000Z | -480 | 
B2601261-1490-4FB2-AA76-0FE7136EC4A0 | .jpeg | IMG_0023.JPG | photo | here | 1636472 | 2020-01-12T21:55:05.216Z | - | 
FE16BB16-3C49-4DB6-94FA-F8322F82EFE2 | .mov | IMG_0008.MOV | video | here | 5459962 | 2020-01-05T21:04:23.000Z | - | 
F78B09C2-DA3E-4171-8CB9-DF16AE4EFE72 | 17058154511/9F9A2608-AFE0-4232-A0DC-5ABA7317B978/UUID.JPG | F78B09C2-DA3E-4171-8CB9-DF16AE4EFE72.JPG | photo | unknown | - | 2020-03-08T02:18:11.000Z | - | unshown sharedAlbum | osxphotos
3437FC20-10B7-49AD-A3B6-FF1520212284 | .jpeg | F78B09C2-DA3E-4171-8CB9-DF16AE4EFE72.JPG | photo | here | 133373 | 2020-03-08T02:18:11.235Z | -300 | 
`;

export interface SampleLibrary {
  readonly name: string;
  /** In the media folder: a database, or an archive with a folder that holds one. */
  readonly file: string;
  /** `PLModelVersion`, with the log and without it. */
  readonly modelVersions: readonly [withLog: number, withoutLog: number];
  readonly usesICloudPhotos: boolean;
  readonly assets: readonly PhotosAsset[];
  /** Without the log, where that makes a difference. */
  readonly assetsWithoutLog: readonly PhotosAsset[];
}

/** What the owner did last is only in the log: two albums, and the mark that IMG_4394 is edited. */
function beforeLastChanges(asset: PhotosAsset): PhotosAsset {
  return { ...asset, albums: [], isEdited: asset.isEdited && asset.originalName !== 'IMG_4394.HEIC' };
}

const assets15point7 = parse(macos15point7, { hasSharedLibrary: true });
const assetsBeforeScopes = parse(macos12to15point4, { hasSharedLibrary: false });
const assetsWithScopes = parse(macos12to15point4, { hasSharedLibrary: true });
const assetsWithCloud = parse(macos11WithCloud, { hasSharedLibrary: false });

export const sampleLibraries: readonly SampleLibrary[] = [
  {
    name: 'macOS 15.7.2',
    file: 'Photos.sqlite',
    modelVersions: [18600, 18600],
    usesICloudPhotos: false,
    assets: assets15point7,
    assetsWithoutLog: assets15point7.map(beforeLastChanges),
  },
  {
    name: 'macOS 15.4.1',
    file: 'macos-15.4.1.tar.xz',
    modelVersions: [18508, 16320],
    usesICloudPhotos: false,
    assets: assetsWithScopes,
    assetsWithoutLog: assetsWithScopes,
  },
  {
    name: 'macOS 13.0.0',
    file: 'macos-13.0.0.tar.xz',
    modelVersions: [16320, 16320],
    usesICloudPhotos: false,
    assets: assetsWithScopes,
    assetsWithoutLog: assetsWithScopes,
  },
  {
    name: 'macOS 12.0.1',
    file: 'macos-12.0.1.tar.xz',
    modelVersions: [15323, 14208],
    usesICloudPhotos: false,
    assets: assetsBeforeScopes,
    assetsWithoutLog: assetsBeforeScopes,
  },
  {
    name: 'macOS 11 beta with iCloud Photos',
    file: 'macos-Cloud-10.16.0.tar.xz',
    modelVersions: [14104, 14104],
    usesICloudPhotos: true,
    assets: assetsWithCloud,
    assetsWithoutLog: assetsWithCloud,
  },
];

/** `hasSharedLibrary`: the version knows the iCloud Shared Photo Library. Nothing of these libraries is in one. */
function parse(table: string, { hasSharedLibrary }: { hasSharedLibrary: boolean }): readonly PhotosAsset[] {
  const lines = table.split('\n').filter((line) => line !== '');
  return lines.map((line) => ({ ...parseLine(line), ...(hasSharedLibrary && { isInSharedLibrary: false }) }));
}

function parseLine(line: string): PhotosAsset {
  const cells = line.split('|').map((cell) => cell.trim());
  const [uuid = '', file = '', originalName = '', kind, original, bytes, taken, offset, ...others] = cells;
  const [words = '', albums = '', caption = ''] = others;
  const word = (pattern: RegExp) => pattern.exec(words) ?? undefined;
  const trashed = word(/trashed (\S+)/);
  const burst = word(/burst (\S+) (picked|left)/);
  const live = word(/live (\S+) (\S+) (\d+)/);
  return {
    uuid,
    ...placeOfFile(file, uuid),
    kind: kind as PhotosAsset['kind'],
    origin: word(/sharedAlbum/) === undefined ? 'own' : 'sharedAlbum',
    original: original as PhotosAsset['original'],
    ...(bytes !== '-' && { originalBytes: Number(bytes) }),
    originalName,
    ...(taken !== '-' && taken !== undefined && { takenAtMs: Date.parse(taken) }),
    ...(offset !== '-' && { offsetMinutes: Number(offset) }),
    ...(trashed?.[1] !== undefined && { trashedAtMs: Date.parse(trashed[1]) }),
    isHidden: word(/hidden/) !== undefined,
    isFavorite: word(/favorite/) !== undefined,
    isShown: word(/unshown/) === undefined,
    isEdited: word(/edited/) !== undefined,
    ...(burst?.[1] !== undefined && { burstId: burst[1], isBurstPick: burst[2] === 'picked' }),
    ...(live?.[1] !== undefined && {
      liveId: live[1],
      pairedVideo: live[2] as 'here',
      pairedVideoBytes: Number(live[3]),
    }),
    ...(caption !== '' && { caption }),
    albums: albums === '' ? [] : albums.split('; '),
  };
}

function placeOfFile(file: string, uuid: string): { folder?: string; name: string } {
  if (file.startsWith('(elsewhere) ')) return { name: file.slice('(elsewhere) '.length) };
  if (file.startsWith('.')) return { folder: uuid.slice(0, 1), name: `${uuid}${file}` };
  const slash = file.lastIndexOf('/');
  return { folder: file.slice(0, slash), name: file.slice(slash + 1).replace('UUID', uuid) };
}
