// Overrides that the server can act on, brought into the manifest's own sections.
/** @param {any} manifest */
export function applyOverrides(manifest) {
  return manifest;
}
