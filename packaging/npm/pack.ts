// `npm run -s package:npm [-- FOLDER]`: makes the package for npm there (else in the current folder) and prints its path.

import process from 'node:process';
import { packForNpm } from './npm-package.ts';

process.stdout.write(`${await packForNpm({ to: process.argv[2] ?? '.' })}\n`);
