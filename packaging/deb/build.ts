// `npm run -s package:deb [-- FOLDER]`: makes the package for Debian there (else in the current folder) and prints its path.

import process from 'node:process';
import { buildDeb } from './deb-package.ts';

process.stdout.write(`${await buildDeb({ to: process.argv[2] ?? '.' })}\n`);
