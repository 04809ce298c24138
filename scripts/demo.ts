// `npm run demo`: builds everything, boots a real root in QEMU and tells what happens, in a terminal or into a pipe.
// Every claim it prints is checked against what the guest reported; the exit status is 0 only if all of them hold.
// usage: demo.ts [--kernel 6.1|6.12|7.x] [--engine auto|pivot|move] [--keep full|none] [--fast]

import { spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pinnedNode, projectRoot } from '../bundle/project.ts'
import { PARTITION_OFFSET, checkExt4 } from '../qemu-tests/harness/check-ext4.ts'
import { debianDisk } from '../qemu-tests/harness/debian-disk.ts'
import { diskImage } from '../qemu-tests/harness/disk-images.ts'
import type { DiskImage } from '../qemu-tests/harness/disk-images.ts'
import { runGuest } from '../qemu-tests/harness/run-guest.ts'
import type { GuestResult } from '../qemu-tests/harness/run-guest.ts'
import { BASE_APPEND, specifier } from '../qemu-tests/harness/scenario.ts'
import { smallRoot } from '../qemu-tests/harness/small-root.ts'
import { sleeperIncludes, testImage } from '../qemu-tests/harness/test-image.ts'
import { demoChecks, expectedExe, initramfsProcess } from './demo/checks.ts'
import { readEvidence } from './demo/evidence.ts'
import type { Evidence } from './demo/evidence.ts'
import { followBoot } from './demo/follow.ts'
import { guestScript } from './demo/guest-script.ts'
import { Narrator, standardScreen } from './demo/narrator.ts'
import { USAGE, parseOptions } from './demo/options.ts'
import type { DemoOptions } from './demo/options.ts'
import { drawTimeline, stages } from './demo/timeline.ts'
import { ensureKernel } from './setup/kernel.ts'
import type { Kernel } from './setup/kernel.ts'
import { ensureDebianPackages } from './setup/packages.ts'
import { TEST_PACKAGES } from './setup/test-packages.ts'

const BOOT_TIMEOUT_MS = 300_000
/** With --keep none the boot would end it before the switch, and there would be nothing to show. */
const KEEP_SLEEPER = 'fulcrum.process=keep:/bin/initramfs-sleeper'

function megabytes(path: string): string {
  return `${(statSync(path).size / 1e6).toFixed(1)} MB`
}

/** Disk images hold the files of root. Runs this script again by sudo where this user is another. */
function becomeRoot(): void {
  if (process.getuid?.() === 0) return
  const keep = ['HOME', 'XDG_CACHE_HOME', 'FULCRUM_CACHE', 'FULCRUM_DIST', 'FULCRUM_ARTIFACTS', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TERM', 'NO_COLOR']
  const env = keep.flatMap((name) => (process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`]))
  const result = spawnSync('sudo', ['-n', 'env', ...env, process.execPath, ...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' })
  if (result.error === undefined && result.status !== null) process.exit(result.status)
  throw new Error('Cannot make disk images: run the demo as root, or allow sudo without a password')
}

/** dist/fulcrum as the sources are now; with FULCRUM_DIST that build is used as it is. */
function buildBinary(): string {
  const named = process.env['FULCRUM_DIST'] ?? ''
  const dist = named === '' ? join(projectRoot, 'dist') : named
  if (named === '') {
    // Under sudo the build belongs to the person who called it.
    const [uid, gid] = [process.env['SUDO_UID'], process.env['SUDO_GID']]
    const owner = uid === undefined || gid === undefined ? {} : { uid: Number(uid), gid: Number(gid) }
    const result = spawnSync(pinnedNode, ['--disable-warning=ExperimentalWarning', join(projectRoot, 'bundle/build.ts')], {
      cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...owner,
    })
    if (result.status !== 0) throw new Error(`Cannot build the binary:\n${result.stdout}${result.stderr}`)
  }
  return join(dist, 'fulcrum')
}

interface Prepared {
  readonly kernel: Kernel
  readonly disk: DiskImage
  readonly initrd: string
}

async function prepare(narrator: Narrator, options: DemoOptions): Promise<Prepared> {
  narrator.section('Setting up', 'What is missing is fetched and made; all of it but the binary and the image is kept for the next time.')
  await narrator.step('binary', buildBinary, (path) => `${path}, ${megabytes(path)}: Node.js, koffi and fulcrum in one file`)
  await narrator.step('Debian packages', () => ensureDebianPackages(TEST_PACKAGES), () => `${TEST_PACKAGES.length} installed`)
  const kernel = await narrator.step('kernel', () => ensureKernel(options.series), (it) => `${it.release}, as Debian built it`)
  const disk = await narrator.step('root', () => (options.fast
    ? diskImage({ fileSystem: 'ext4', table: 'gpt', tree: smallRoot(), label: 'small root' })
    : debianDisk()), () => `${options.fast ? 'the small root of the tests' : 'Debian 13 with systemd'}, ext4 in a GPT partition`)
  const initrd = await narrator.step('initramfs', () => testImage(kernel, { include: sleeperIncludes() }),
    (path) => `${megabytes(path)}, for any machine, with a hook that starts a small daemon`)
  return { kernel, disk, initrd }
}

async function boot(narrator: Narrator, options: DemoOptions, { kernel, disk, initrd }: Prepared): Promise<GuestResult> {
  const asked = [
    ...(options.engine === 'auto' ? [] : [`fulcrum.switch=${options.engine}`]),
    ...(options.keep === null ? [] : [`fulcrum.keep=${options.keep}`]),
  ]
  const append = [BASE_APPEND, 'quiet fulcrum.log=debug systemd.show_status=1', specifier(disk, 'LABEL'), 'ro', KEEP_SLEEPER, ...asked].join(' ')
  narrator.section('Booting', `Linux ${kernel.release} in QEMU, without KVM; its command line:`, append)
  return runGuest({
    name: 'demo',
    timeoutMs: BOOT_TIMEOUT_MS,
    machine: { kernel: kernel.vmlinuz, initrd, append, memoryMiB: 1024, disks: [{ path: disk.path, bus: 'virtio', writable: true }] },
    afterwards: ([path = '']) => checkExt4(path, { offset: PARTITION_OFFSET }),
    script: guestScript(!options.fast),
    converse: (console) => followBoot(narrator, console),
  })
}

function tellTimeline(narrator: Narrator, evidence: Evidence): void {
  narrator.section('The timeline', 'From /run/fulcrum/boot.json, the kernel\'s log and systemd, in seconds since the kernel started.')
  const { columns, unicode } = narrator.screen
  for (const line of drawTimeline(stages(evidence), columns - 3, unicode)) narrator.line(`   ${line}`)
  if (evidence.analyze === '') return
  narrator.line()
  narrator.line('   systemd-analyze says:')
  for (const sentence of evidence.analyze.split(/(?<=\.) (?=\w+\.target)/)) narrator.console(sentence)
}

function tellProcesses(narrator: Narrator, evidence: Evidence): void {
  const { boot } = evidence
  narrator.section('The processes after the switch', 'The one that a hook of the initramfs started is still there, and still running from its own file system.')
  narrator.line(`   ${'PID'.padStart(5)}  ${'/proc/PID/exe'.padEnd(38)}  file system`)
  for (const it of evidence.processes) {
    const isOld = it.device === boot?.initramfsDevice
    const row = `   ${String(it.pid).padStart(5)}  ${it.exe.padEnd(38)}  ${isOld ? 'initramfs' : 'root'}`
    narrator.line(isOld ? narrator.style('cyan', row) : row)
  }
  const found = initramfsProcess(evidence)
  if (boot === null || found === undefined) return
  narrator.line()
  if (found.exe === expectedExe('pivot', 'full')) narrator.line(`   readlink /proc/${found.pid}/exe -> ${narrator.style('bold', found.exe)}: pivot_root moved it along with the old root.`)
  else if (boot.keep === 'full') narrator.line(`   readlink /proc/${found.pid}/exe -> ${found.exe}: the path it had before; only pivot can show the new one.`)
  else narrator.line(`   readlink /proc/${found.pid}/exe -> ${found.exe}: its own pages are all that is left of the initramfs.`)
  if (boot.prepared && boot.keep === 'full') narrator.line('   Before 7.0 a kernel cannot pivot away from its initramfs: fulcrum stood on a bind of it from the start.')
  if (evidence.rootfs !== '') narrator.line(`   ls /run/rootfs: ${evidence.rootfs}`)
}

function tellEnd(narrator: Narrator, options: DemoOptions, result: GuestResult, evidence: Evidence): boolean {
  const power = /^.*reboot: Power down.*$/m.exec(result.observation.console)
  narrator.section('Power-off', `The guest ran for ${(result.wallMs / 1000).toFixed(0)} s and ended by '${result.observation.shutdown ?? 'nothing that QEMU knows of'}'.`)
  if (power !== null) narrator.console(power[0].trim())
  narrator.section('What was seen')
  const checks = demoChecks(evidence, options, result.observation.console, result.complaints)
  for (const { ok, text } of checks) narrator.check(ok, text)
  if (result.artifacts !== undefined) narrator.line(`\n   The console and a script that boots the same again are in '${result.artifacts}'`)
  return checks.every((check) => check.ok)
}

async function main(): Promise<number> {
  let options: DemoOptions | null
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`fulcrum: ${error instanceof Error ? error.message : String(error)}\n`)
    return 100
  }
  if (options === null) {
    process.stdout.write(USAGE)
    return 0
  }
  becomeRoot()
  const narrator = new Narrator(standardScreen())
  const engine = options.engine === 'auto' ? 'by whatever engine this kernel allows' : `by '${options.engine}'`
  narrator.line(narrator.style('bold', 'fulcrum: from an initramfs to a real root') + `, ${engine}`)
  const prepared = await prepare(narrator, options)
  // runGuest ends its QEMU when this process does, however it does.
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.once(signal, () => {
      rmSync(prepared.initrd, { force: true })
      process.exit(status)
    })
  }
  try {
    const result = await boot(narrator, options, prepared)
    const evidence = readEvidence(result.report)
    tellTimeline(narrator, evidence)
    tellProcesses(narrator, evidence)
    return tellEnd(narrator, options, result, evidence) ? 0 : 1
  } finally {
    rmSync(prepared.initrd, { force: true })
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`fulcrum: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 111
}
