// Installs the Debian packages that the tests and the builder need, and only those that are missing.
// A fresh machine has stale or no package lists and may have an apt running already (unattended upgrades),
// so this updates the lists only when they do not serve, and waits for the lock instead of failing.
// Man pages: apt-get(8), dpkg-query(1).
import { runTool, tryTool } from './run-tool.ts'

function missing(packages: readonly string[]): string[] {
  return packages.filter((name) => {
    const { stdout } = tryTool('dpkg-query', ['-W', '-f', '${db:Status-Status}', name])
    return stdout.trim() !== 'installed'
  })
}

function hasCandidate(name: string): boolean {
  const { stdout } = tryTool('apt-cache', ['policy', name])
  const candidate = /^ {2}Candidate: (.*)$/m.exec(stdout)?.[1]
  return candidate !== undefined && candidate !== '(none)'
}

function aptGet(...args: string[]): number {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n', 'env']
  const command = [...asRoot, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=600', ...args]
  const [first = 'apt-get', ...rest] = command
  return tryTool(first, rest, { show: true, env: { DEBIAN_FRONTEND: 'noninteractive' } }).status
}

/**
 * Makes sure that all of `packages` are installed (`apt-get install --no-install-recommends`). Does nothing, and
 * touches no network, if they are. Says on standard error what it does. Needs root or a passwordless sudo.
 */
export function ensureDebianPackages(packages: readonly string[]): void {
  const wanted = missing(packages)
  if (wanted.length === 0) return
  process.stderr.write(`Installing Debian packages: ${wanted.join(' ')}\n`)
  let updated = false
  if (!wanted.every(hasCandidate)) {
    aptGet('update')
    updated = true
  }
  let status = aptGet('install', '-y', '--no-install-recommends', ...wanted)
  if (status !== 0 && !updated) {
    // The lists were there but named files which the mirror no longer has.
    aptGet('update')
    status = aptGet('install', '-y', '--no-install-recommends', ...wanted)
  }
  const still = missing(wanted)
  if (status !== 0 || still.length > 0) {
    throw new Error(`Cannot install Debian packages '${still.join(' ')}': apt-get ended with status ${status}`)
  }
}

/** The installed version of a package, or undefined. */
export function installedVersion(name: string): string | undefined {
  const { status, stdout } = tryTool('dpkg-query', ['-W', '-f', '${Version}', name])
  return status === 0 && stdout !== '' ? stdout : undefined
}

/** True if Debian version `a` is newer than `b`. */
export function isNewer(a: string, b: string): boolean {
  return tryTool('dpkg', ['--compare-versions', a, 'gt', b]).status === 0
}

/** The Debian architecture of this machine, such as 'amd64'. */
export function debianArchitecture(): string {
  return runTool('dpkg', ['--print-architecture']).trim()
}
