// What the demo claims, each as something that was seen or was not. Pure.
// The demo's exit status is 0 only if all of these hold: a picture without its evidence would be advertising.

import type { Evidence, GuestProcess } from './evidence.ts'
import type { DemoOptions } from './options.ts'

export interface Check {
  readonly ok: boolean
  readonly text: string
}

/** The daemon that a hook of the demo's image leaves behind (qemu-tests/guest/initramfs-sleeper.c). */
const SLEEPER = '/bin/initramfs-sleeper'

/** The process that was started in the initramfs, by the file system of its executable. */
export function initramfsProcess(evidence: Evidence): GuestProcess | undefined {
  const device = evidence.boot?.initramfsDevice
  return evidence.processes.find((it) => it.device === device && it.exe.includes(SLEEPER))
}

/** Where /proc/PID/exe of such a process must point. */
export function expectedExe(engine: string, keep: string): string {
  if (keep === 'none') return `${SLEEPER} (deleted)`
  return engine === 'pivot' ? `/run/rootfs${SLEEPER}` : SLEEPER
}

function keepChecks(evidence: Evidence, engine: string, keep: string): Check[] {
  const old = evidence.mounts.find((mount) => mount.at === '/run/rootfs')
  if (keep !== 'none') {
    return [{ ok: old !== undefined && /\bfulcrum|\bbin\b/.test(evidence.rootfs), text: 'the initramfs is visible at /run/rootfs' }]
  }
  const deleted = evidence.boot?.events.find((event) => event.phase === engine && event.what.startsWith('delete'))
  return [
    { ok: old === undefined && evidence.rootfs === '', text: 'nothing is mounted at /run/rootfs' },
    { ok: deleted !== undefined, text: 'the contents of the initramfs were deleted' },
  ]
}

/** The checks that need systemd in the root. */
function systemdChecks(evidence: Evidence, console: string): Check[] {
  const initrd = /\+ \S+ \(initrd\)/.exec(evidence.analyze)
  return [
    { ok: initrd !== null, text: 'systemd counts the time in the initramfs (systemd-analyze)' },
    { ok: evidence.state === 'running' && evidence.failed === '', text: `no unit failed, the system is '${evidence.state}'` },
    { ok: /login: /.test(console), text: 'the login prompt came up on the console' },
  ]
}

/** systemd's shutdown goes through the kept initramfs; with nothing kept it ends by itself. */
function wayBackChecks(keep: string, console: string): Check[] {
  if (keep === 'none') return []
  return [{ ok: /fulcrum: old root taken down in /.test(console), text: 'systemd came back into the initramfs, which took the root down' }]
}

/** All that the demo shows. `complaints` are the harness's: time-outs, panics, an end other than power-off. */
export function demoChecks(evidence: Evidence, options: DemoOptions, console: string, complaints: readonly string[]): Check[] {
  const { boot } = evidence
  const failures = complaints.map((text) => ({ ok: false, text }))
  if (boot === null) return [{ ok: false, text: 'fulcrum left its record in /run/fulcrum/boot.json' }, ...failures]
  const root = evidence.mounts.find((mount) => mount.at === '/')
  const process = initramfsProcess(evidence)
  const exe = expectedExe(boot.engine, boot.keep)
  return [
    { ok: boot.rescues === 0, text: 'the boot needed no rescue' },
    { ok: options.engine === 'auto' ? boot.engine === 'pivot' || boot.engine === 'move' : boot.engine === options.engine, text: `the engine was '${boot.engine}'` },
    { ok: options.keep === null || boot.keep === options.keep, text: `the initramfs was ${boot.keep === 'none' ? 'freed' : 'kept'}` },
    { ok: root?.type === 'ext4', text: `"/" is ${root?.source ?? 'not known'}, ${root?.type ?? 'not known'}` },
    ...keepChecks(evidence, boot.engine, boot.keep),
    { ok: process?.exe === exe, text: process === undefined ? 'a process from the initramfs is alive' : `a process from the initramfs is alive, its exe reads '${process.exe}'` },
    ...(options.fast ? [] : [...systemdChecks(evidence, console), ...wayBackChecks(boot.keep, console)]),
    { ok: complaints.length === 0, text: 'the guest powered itself off, and left a clean file system' },
    ...failures,
  ]
}
