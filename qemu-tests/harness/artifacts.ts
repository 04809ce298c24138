// The folder of one boot: its console, its TAP, its arguments and a script that boots the same again.
// Kept, and named in the failure, when a boot is bad; removed when it is good. What the guest was booted from
// is linked into it, because tests throw their own files away.
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { qemuArguments, shellQuote } from './qemu-arguments.ts'
import type { Machine } from './qemu-arguments.ts'

/** `$FULCRUM_ARTIFACTS`, else a folder of the system's temporary ones. */
export function artifactsBase(): string {
  const named = process.env['FULCRUM_ARTIFACTS']
  return named ? named : join(tmpdir(), 'fulcrum-qemu')
}

/** Makes an empty folder for a boot of this name. Two runs at the same time get different ones. */
export function makeArtifactsFolder(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80)
  for (let number = 1; ; number++) {
    const folder = join(artifactsBase(), `${safe}-${process.pid}-${number}`)
    if (existsSync(folder)) continue
    mkdirSync(folder, { recursive: true })
    return folder
  }
}

/** A second name for a file (a copy if it is on another file system), so that it outlives its first one. */
function keepFile(path: string, folder: string): string {
  const kept = join(folder, basename(path))
  if (path === kept || existsSync(kept)) return kept
  try {
    linkSync(path, kept)
  } catch {
    copyFileSync(path, kept)
  }
  return kept
}

/** Writes repro.sh: the same boot with the console on the terminal and what the guest reports in tap.log. */
export function writeReproduction(folder: string, machine: Machine): string {
  const kept: Machine = {
    ...machine,
    ...(machine.initrd === undefined ? {} : { initrd: keepFile(machine.initrd, folder) }),
    ...(machine.script === undefined ? {} : { script: keepFile(machine.script, folder) }),
  }
  const args = qemuArguments(kept, {
    console: { kind: 'stdio' },
    tap: { kind: 'file', path: join(folder, 'repro-tap.log') },
  })
  const path = join(folder, 'repro.sh')
  writeFileSync(path, [
    '#!/bin/sh',
    '# Boots the same guest again, console on this terminal. Its report goes to repro-tap.log beside this file.',
    ...(machine.shares ?? []).map((share) => share.kind === 'virtiofs'
      ? `# Needs a virtiofsd that listens on '${share.socket}'.` : `# Needs the folder '${share.path}', which the test removes.`),
    ...(machine.controllers === undefined ? [] : ['# A disk was plugged in later, which this does not do.']),
    `exec qemu-system-x86_64 ${args.map(shellQuote).join(' \\\n  ')}`,
    '',
  ].join('\n'))
  chmodSync(path, 0o755)
  return path
}

/** Removes the folder of a good boot. */
export function removeArtifacts(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
