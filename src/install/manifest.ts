// The list of what an install put where, in PREFIX/share/fulcrum/manifest.json: what uninstall takes away, and nothing else.
//
// A file is known by its content, so that one that somebody changed afterwards is not taken for ours. Paths are as the
// installed system sees them, without --root. docs/install.md. Pure.

export interface InstalledFile {
  /** Absolute, in the root that was installed into. */
  readonly path: string
  /** The component that it belongs to. */
  readonly component: string
  /** 'sha256:HEX' of a file, 'link:TARGET' of a symbolic link. */
  readonly content: string
}

export interface Manifest {
  /** Version of fulcrum. */
  readonly version: string
  readonly files: readonly InstalledFile[]
  /** Directories that the install made: removed when they are empty. */
  readonly directories: readonly string[]
}

const FORMAT = 1

/** The text of the file. */
export function formatManifest({ version, files, directories }: Manifest): string {
  return `${JSON.stringify({ format: FORMAT, version, files, directories }, null, 2)}\n`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Absolute, and without a way out of the root. */
function isPath(value: unknown): value is string {
  return typeof value === 'string' && /^(\/[^/\0]+)+$/.test(value) && !value.split('/').some((part) => part === '.' || part === '..')
}

function isFile(value: unknown): value is InstalledFile {
  return isRecord(value) && isPath(value['path']) && typeof value['component'] === 'string' && typeof value['content'] === 'string'
}

/** Null when it is not a manifest, or of a later version that this one does not understand. */
export function parseManifest(text: string): Manifest | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  if (!isRecord(parsed) || parsed['format'] !== FORMAT || typeof parsed['version'] !== 'string') return null
  const { files, directories } = parsed
  if (!Array.isArray(files) || !Array.isArray(directories) || !files.every(isFile) || !directories.every(isPath)) return null
  return {
    version: parsed['version'],
    files: files.map(({ path, component, content }) => ({ path, component, content })),
    directories: [...directories],
  }
}
