// A sandbox of a fixture project of this folder; everything else is as for functions.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve as serveProject } from '../functions/serve.mjs';

export { until } from '../functions/serve.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

export const serve = (fixture, options) => serveProject(path.join(here, 'fixtures', fixture), options);
