// Where things are in an Amplify project.
import fs from 'node:fs';
import path from 'node:path';
import { buildError } from './report.mjs';

const extensions = ['.js', '.mjs', '.cjs', '.ts'];

/**
 * The first `amplify/<stem>` that exists, in the original's order of extensions.
 * @param {string} root
 * @param {string} stem
 */
export function findEntry(root, stem) {
  return extensions.map((ext) => path.join(root, 'amplify', stem + ext)).find((file) => fs.existsSync(file)) ?? null;
}

/** @param {string} root */
export function backendEntry(root) {
  if (!fs.existsSync(path.join(root, 'amplify'))) {
    throw buildError(
      'PathNotFoundError',
      `There is no amplify folder in ${root}`,
      'Run in the folder of an Amplify project, or name it with --project',
      { file: 'amplify' },
    );
  }
  const entry = findEntry(root, 'backend');
  if (entry === null) {
    throw buildError(
      'FileConventionError',
      `Amplify Backend must be defined in amplify/backend.(ts|js|cjs|mjs)`,
      'Create amplify/backend.ts with a defineBackend call',
      { file: 'amplify/backend.ts' },
    );
  }
  return entry;
}

/** @param {string} root */
export function projectName(root) {
  try {
    const { name } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    return typeof name === 'string' && name !== '' ? name : path.basename(root);
  } catch {
    return path.basename(root);
  }
}
