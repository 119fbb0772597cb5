// A Motion JPEG AVI of one frame, with the date where small cameras put it: an IDIT chunk, in local time.
import { ascii, riffChunk, uint16Little, uint32Little } from './bytes.ts';
import { makeJpeg } from './jpeg.ts';
import type { Seed } from './seeded.ts';

export interface AviOptions {
  readonly seed: Seed;
  /** `YYYY-MM-DDTHH:MM:SS` */
  readonly dateTimeOriginal?: string;
}

const side = 16;
const frameMicroseconds = 66_666;

export function makeAvi({ seed, dateTimeOriginal }: AviOptions): Buffer {
  const frame = makeJpeg({ seed: `frame ${seed}`, width: side, height: side });
  const hasIndex = 0x10;
  const header = riffChunk(
    'avih',
    uint32Little(frameMicroseconds, frame.length * 15, 0, hasIndex, 1, 0, 1, frame.length, side, side, 0, 0, 0, 0),
  );
  const streamHeader = riffChunk(
    'strh',
    ascii('vidsMJPG'),
    uint32Little(0, 0, 0, frameMicroseconds, 1_000_000, 0, 1, frame.length, 10_000, 0),
    uint16Little(0, 0, side, side),
  );
  const streamFormat = riffChunk(
    'strf', // BITMAPINFOHEADER
    uint32Little(40, side, side),
    uint16Little(1, 24),
    ascii('MJPG'),
    uint32Little(side * side * 3, 0, 0, 0, 0),
  );
  const keyFrame = 0x10;
  return riffChunk(
    'RIFF',
    ascii('AVI '),
    list(
      'hdrl',
      header,
      list('strl', streamHeader, streamFormat),
      ...(dateTimeOriginal === undefined ? [] : [riffChunk('IDIT', ascii(`${ctime(dateTimeOriginal)}\n\0`))]),
    ),
    list('movi', riffChunk('00dc', frame)),
    riffChunk('idx1', ascii('00dc'), uint32Little(keyFrame, 4, frame.length)),
  );
}

function list(type: string, ...chunks: readonly Buffer[]): Buffer {
  return riffChunk('LIST', ascii(type), ...chunks);
}

const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const;
const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] as const;

/** `MON MAR 10 15:04:43 2003`, the form of C's ctime() that Canon and Casio write. */
function ctime(local: string): string {
  const date = new Date(`${local}Z`);
  const day = String(date.getUTCDate()).padStart(2, '0');
  const month = months[date.getUTCMonth()];
  return `${weekdays[date.getUTCDay()]} ${month} ${day} ${local.slice(11, 19)} ${date.getUTCFullYear()}`;
}
