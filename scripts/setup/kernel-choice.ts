// Chooses which kernel packages of a Debian mirror make up "the newest kernel of a series".
// The metapackage linux-image-cloud-amd64 says by its dependencies which real packages belong together; since
// 7.x the image is split into linux-binary, linux-modules and linux-base, so these are followed too.
// Pure: works on what `apt-cache show` printed. See deb822(5).

/** One package version, as far as needed here. */
export interface PackageRecord {
  readonly name: string
  readonly version: string
  readonly depends: readonly string[]
}

/** `6.1` and `6.12` are exact series; `7.x` is the newest of all 7.*. */
export type KernelSeries = '6.1' | '6.12' | '7.x'

/** Parses what `apt-cache show` prints: stanzas of fields, of which three are kept. */
export function parsePackageRecords(text: string): PackageRecord[] {
  const records: PackageRecord[] = []
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? ''
    const name = field('Package')
    if (name === '') continue
    const depends = field('Depends').split(',').map((word) => word.trim()).filter((word) => word !== '')
    records.push({ name, version: field('Version'), depends })
  }
  return records
}

/**
 * The newest release (no release candidate) of a series among the versions of a metapackage.
 * @param isNewer Debian's order of versions (`dpkg --compare-versions A gt B`)
 */
export function chooseKernel(
  records: readonly PackageRecord[],
  series: KernelSeries,
  isNewer: (a: string, b: string) => boolean,
): PackageRecord | undefined {
  const prefix = series === '7.x' ? '7.' : `${series}.`
  let best: PackageRecord | undefined
  for (const record of records) {
    if (!record.version.startsWith(prefix) || /~rc|~exp/.test(record.version)) continue
    if (best === undefined || isNewer(record.version, best.version)) best = record
  }
  return best
}

/** The `NAME=VERSION` of the kernel packages that a package depends on exactly: `linux-… (= version)`. */
export function kernelDependencies(record: PackageRecord): string[] {
  const found: string[] = []
  for (const dependency of record.depends) {
    const match = /^(linux-(?:image|binary|modules|base)-\S+) \(= ([^)]+)\)$/.exec(dependency)
    // linux-modules-cloud-amd64 and the like are metapackages again: they carry no release in their name.
    if (match?.[1] !== undefined && match[2] !== undefined && /-\d/.test(match[1])) {
      found.push(`${match[1]}=${match[2]}`)
    }
  }
  return found
}
