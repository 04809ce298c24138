// A switch of root on the running kernel, far from the host's: run by switch.ns.test.ts as PID 1 of a namespace.
//
// "/" becomes a private tmpfs that looks like an initramfs, the real root is a second tmpfs with a shell in it, and
// the host's root is out of reach before the command starts: whatever it deletes, it can only be ours.
// Arguments: an empty directory, 'shared' or 'private', the command, its arguments.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, MS_PRIVATE, MS_REC, MS_SHARED } from '../../abi/mount.ts'
import { O_NONBLOCK, O_WRONLY } from '../../abi/process.ts'
import { isErrno } from '../../kernel/errors.ts'
import { createKoffiKernel } from '../../kernel/koffi-kernel.ts'
import { runInitCommand } from '../run-init.ts'
import { switchCommand } from '../switch.ts'
import { switchRootCommand } from '../switch-root.ts'

const [, , bed, propagation, name, ...args] = process.argv
const command = [switchRootCommand, runInitCommand, switchCommand].find((c) => c.name === name)
if (bed === undefined || command === undefined) throw new Error('Cannot run: arguments are DIRECTORY PROPAGATION COMMAND ARGS')
const k = createKoffiKernel()

function put(from: string, root: string, mode: number): void {
  const to = join(root, from)
  fs.mkdirSync(join(to, '..'), { recursive: true })
  fs.copyFileSync(from, to)
  fs.chmodSync(to, mode)
}

/**
 * Returns once somebody reads the fifo: a process that has not come that far when the root goes away would miss its
 * libraries or the fifo, and die of that.
 */
function waitForReader(fifo: string): void {
  for (;;) {
    try {
      k.close(k.open(fifo, O_WRONLY | O_NONBLOCK))
      return
    } catch (error) {
      if (!isErrno(error, 'ENXIO')) throw error
      k.sleepMs(1)
    }
  }
}

const shell: readonly string[] = (process.env['SHELL_FILES'] ?? '').split(' ')
k.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
k.mount('bed', bed, 'tmpfs', 0, null)
for (const path of ['proc', 'sys', 'dev', 'run', 'sysroot', 'host', 'etc']) fs.mkdirSync(join(bed, path))
fs.writeFileSync(join(bed, 'init'), '')
fs.writeFileSync(join(bed, 'payload'), 'x'.repeat(100_000))
for (const file of shell) put(file, bed, 0o755)
k.mount('NEW', join(bed, 'sysroot'), 'tmpfs', 0, null)
for (const file of shell) put(file, join(bed, 'sysroot'), 0o755)
for (const path of ['proc', 'dev', 'run', 'init-was-here']) fs.mkdirSync(join(bed, 'sysroot', path))

k.chdir(bed)
k.pivotRoot('.', 'host')
k.chdir('/')
k.mount('proc', '/proc', 'proc', 0, null)
k.mount('DEV', '/dev', 'tmpfs', 0, null)
k.mount('RUN', '/run', 'tmpfs', 0, null)
k.mkdir('/dev/pts', 0o755)
k.mount('PTS', '/dev/pts', 'tmpfs', 0, null)
k.mknod('/dev/null', 0o020666, 0x103n)
// An early process, in the initramfs for as long as the test runs: nobody ever writes to its fifo.
k.mknod('/dev/fifo', 0o010600, 0n)
const early = spawn('/bin/sh', ['-c', 'exec 3<>/dev/fifo; read -r line <&3'], { stdio: 'ignore' })
waitForReader('/dev/fifo')
k.umount2('/host', MNT_DETACH)
k.rmdir('/host')
if (propagation === 'shared') k.mount('none', '/', null, MS_REC | MS_SHARED, null)

const io = {
  stdout: (text: string) => fs.writeSync(1, text), stderr: (text: string) => fs.writeSync(2, text), isTerminal: false,
  env: { EARLY: String(early.pid), PATH: '/bin' }, kernel: () => k,
}
const status = command.run(args, io)
fs.writeSync(1, `status ${String(status)}\n`)
process.exit(0)
