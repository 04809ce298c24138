// What a program finds in a guest of nodeGuest(): for the test of that facility itself.
//
// Argument 'die': one point is bad, and it ends before the plan.
import { readFileSync } from 'node:fs'
import { CLONE_NEWNS } from '../../../src/abi/process.ts'
import { SYS_GETPID } from '../../../src/abi/raw-syscalls.ts'
import { parseMountInfo, topMountAt } from '../../../src/facts/mountinfo.ts'
import { toFd } from '../../../src/kernel/kernel.ts'
import { createKoffiKernel } from '../../../src/kernel/koffi-kernel.ts'
import { waitReadable } from '../../../src/kernel/wait-readable.ts'
import { guestTap } from '../guest-tap.ts'

const k = createKoffiKernel()
const tap = guestTap((text) => k.write(toFd(1), text))
const [, , wish] = process.argv
const mounts = parseMountInfo(k.readText('/proc/self/mountinfo'))
tap.note(k.readText('/proc/version'))
for (const [at, fstype] of Object.entries({ '/': 'ext4', '/proc': 'proc', '/sys': 'sysfs', '/dev': 'devtmpfs', '/dev/pts': 'devpts', '/run': 'tmpfs', '/tmp': 'tmpfs', '/sys/fs/cgroup': 'cgroup2' })) {
  const found = topMountAt(mounts, at)
  tap.same(`${at}`, [found?.fstype, found?.optional.shared !== undefined], [fstype, true])
}
tap.same('the argument with quotes', process.argv[3], 'two "words" \'')
tap.same('a file of the test', k.readText('/srv/greeting'), 'hello\n')
tap.attempt('the root can be written to', () => k.writeFile('/written', 'x'))
tap.same('a module', readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n'), true)
tap.same('a program of the root', k.run('/bin/busybox', ['echo', 'yes'], { env: {} }).stdout, 'yes\n')
const child = k.startChild([{ nr: SYS_GETPID, args: [] }], { flags: CLONE_NEWNS })
waitReadable(k, child.pidfd, 5000)
k.reap(child.pid)
tap.same('a child by a table of calls', child.result(0), child.pid)
if (wish === 'die') {
  tap.same('a bad one', 1, 2)
  process.exit(3)
}
tap.end()
