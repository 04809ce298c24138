// What tests of the running commands stand on: a root with busybox, a /run of their own, and the commands as a user calls them.
//
// In a private mount namespace: the test runner makes one for *.ns.test.ts.

import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../../abi/mount.ts'
import { cgroup2Mount } from '../../facts/run/run-facts.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { parseEntry } from '../../run/registry-entry.ts'
import { makeRoot } from '../../spawn/testing/container-room.ts'
import { openTerminal } from '../../spawn/terminal.ts'
import { dispatch } from '../index.ts'
import { capturedIo } from './captured-io.ts'

const TIOCSWINSZ = 0x5414
/** A warning would be written to standard error, and make that non-blocking. */
const main = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../../main.ts')]
const ENV = { PATH: process.env['PATH'] ?? '', GIVEN: 'from here' }

export interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** A command at a pseudo terminal; what it shows, and its end. */
export interface AtTerminal {
  readonly child: ChildProcess
  readonly end: Promise<number | string | null>
  type(text: string): void
  /** Waits for this and answers what was shown until then. */
  shows(what: RegExp): Promise<string>
  restored(): boolean
  /** Hangs it up. */
  close(): void
}

export const later = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

/** Waits until it is so, a minute at most. */
export async function until(isSo: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < 60_000 && !isSo(); waited += 10) await later(10)
  return isSo()
}

const endOf = (child: ChildProcess): Promise<number | string | null> => new Promise((resolve) => void child.on('exit', (code, signal) => resolve(signal ?? code)))

export class RunBed {
  readonly kernel: Kernel
  readonly at: string
  readonly root: string
  /** Options that put the cgroups of this test apart. */
  readonly parent: readonly string[]
  readonly cgroups: string

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.at = `/tmp/fulcrum-run-${process.pid}`
    this.root = join(this.at, 'root')
    this.parent = ['--cgroup-parent', `/fulcrum-test-${process.pid}`]
    this.cgroups = `${cgroup2Mount(kernel) ?? ''}/fulcrum-test-${process.pid}`
    kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
    kernel.mount('run', '/run', 'tmpfs', 0, null)
    kernel.mkdir(this.at, 0o755)
    kernel.mount('root', this.at, 'tmpfs', 0, 'mode=755')
    mkdirSync(this.root)
    makeRoot(kernel, this.root)
    writeFileSync(join(this.root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nme:x:1000:100::/:/bin/sh\n')
    mkdirSync(join(this.at, 'source'))
    writeFileSync(join(this.at, 'source/file'), 'live\n')
  }

  end(): void {
    this.kernel.umount2(this.at, MNT_DETACH)
    this.kernel.rmdir(this.at)
    if (existsSync(this.cgroups)) this.kernel.rmdir(this.cgroups)
  }

  /** As a program of its own, to its end. */
  fulcrum(...args: string[]): Ran {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...main, ...args], { encoding: 'utf8', env: ENV, timeout: 300_000 })
    return { status, out: stdout, err: stderr }
  }
  run(...args: string[]): Ran {
    return this.fulcrum('run', ...this.parent, ...args)
  }
  /** In this process: what has no command to wait for. */
  async local(...args: string[]): Promise<Ran> {
    const io = capturedIo(this.kernel, ENV)
    const status = await dispatch('fulcrum', args, io)
    return { status, out: io.out(), err: io.err() }
  }
  /** `fulcrum run` in a process group of its own; a name must be given. */
  background(...args: string[]): { readonly child: ChildProcess; readonly end: Promise<number | string | null> } {
    const child = spawn(process.execPath, [...main, 'run', ...this.parent, ...args], { env: ENV, stdio: 'ignore', detached: true })
    return { child, end: endOf(child) }
  }
  /** The pid of what runs in the foreground somewhere, once it does. */
  async started(name: string): Promise<number> {
    const file = `/run/fulcrum/run/${name}.json`
    for (let waited = 0; waited < 60_000; waited += 10) {
      const entry = existsSync(file) ? parseEntry(readFileSync(file, 'utf8')) : null
      if (entry?.process != null) return entry.process.pid
      await later(10)
    }
    throw new Error(`'${name}' does not start`)
  }

  atTerminal(...args: string[]): AtTerminal {
    const { kernel } = this
    const { master, peer } = openTerminal(kernel, '/dev/ptmx')
    kernel.ioctl(master, TIOCSWINSZ, new Uint8Array([33, 0, 99, 0, 0, 0, 0, 0]))
    const before = Buffer.from(kernel.tcgetattr(peer) ?? [])
    const child = spawn(process.execPath, [...main, ...args], { env: { ...ENV, TERM: 'vt100' }, stdio: [peer, peer, peer] })
    let text = ''
    const look = (): void => {
      while (((kernel.poll([master], 0)[0]?.revents ?? 0) & 1) !== 0) {
        const bytes = new Uint8Array(65_536)
        text += Buffer.from(bytes.subarray(0, kernel.read(master, bytes, null))).toString()
      }
    }
    return {
      child,
      end: endOf(child),
      type: (typed) => kernel.write(master, typed),
      shows: async (what) => {
        for (let waited = 0; waited < 60_000; waited += 10) {
          look()
          if (what.test(text)) {
            const seen = text
            text = ''
            return seen
          }
          await later(10)
        }
        throw new Error(`Cannot see ${String(what)} in ${JSON.stringify(text)}`)
      },
      restored: () => before.equals(Buffer.from(kernel.tcgetattr(peer) ?? [])),
      close: () => {
        kernel.close(master)
        kernel.close(peer)
      },
    }
  }

  /** What is there of runs: entries of the registry, cgroups. */
  left(): string[] {
    const entries = readdirSync('/run/fulcrum/run').filter((name) => name.endsWith('.json'))
    return [...entries, ...readdirSync(this.cgroups).filter((name) => statSync(join(this.cgroups, name)).isDirectory())]
  }
  /** Everything is gone, soon. */
  async expectNothing(t: { strictSame(found: unknown, wanted: unknown, name: string): unknown }): Promise<void> {
    await until(() => this.left().length === 0)
    t.strictSame(this.left(), [], 'nothing is left')
  }
}
