// The whole zoo of docs/kernel-facts.md B as a table: what is read of each process, and where it comes from.
//
// What the kernels print is what was seen on 6.1, 6.12 and 7.x; zoo.ns.test.ts has the same zoo alive.

import t from 'tap'
import { decideOrigins, needsMount, startedBefore } from './origin.ts'
import type { Origin, OriginContext } from './origin.ts'
import type { ExeFacts, ProcessFacts } from './process-facts.ts'

const ROOTFS = 3n
const REAL = 0xfe00n
const USR = 0xfe01n
const RUN = 25n
const MEMFD = 1n
const SWITCH_US = 5_000_000
const BEFORE = 400
const AFTER = 900

const kept: OriginContext = {
  initramfs: new Set([ROOTFS]), root: new Set([REAL, USR]), memfd: MEMFD, switched: { kind: 'at', us: SWITCH_US }, mayBeReused: false,
}

function exe(link: string | null, dev: bigint | null, more: Partial<ExeFacts> = {}): ExeFacts {
  return { link, dev, ino: dev === null ? null : 77n, mount: null, errno: dev === null ? 'ENOENT' : null, ...more }
}

function facts(more: Partial<ProcessFacts>): ProcessFacts {
  return {
    pid: 100, ppid: 1, comm: 'p', state: 'S', isKernelThread: false, startTicks: BEFORE, uid: 0, argv: ['p'], cgroup: null,
    survives: false, exe: exe('/bin/p', REAL), rootDev: REAL, cwdDev: REAL, ...more,
  }
}

function originOf(process: ProcessFacts, context: OriginContext = kept, others: readonly ProcessFacts[] = []): { origin: Origin | undefined; evidence: string | undefined } {
  const found = decideOrigins([...others, process], context).get(process.pid)
  return { origin: found?.origin, evidence: found?.evidence }
}

const memory = exe('/memfd:memx (deleted)', MEMFD)
const gone = exe(null, null)

const zoo: readonly (readonly [string, Partial<ProcessFacts>, Origin, RegExp])[] = [
  ['before the bind trick, kept or concealed: no prefix', { exe: exe('/bin/p', ROOTFS), rootDev: ROOTFS }, 'initramfs', /executable is on the initramfs/],
  ['after the bind trick, kept: prefix', { exe: exe('/run/rootfs/bin/p', ROOTFS) }, 'initramfs', /executable/],
  ['a namespace of its own: no prefix, another mount', { exe: exe('/bin/p', ROOTFS), rootDev: ROOTFS }, 'initramfs', /executable/],
  ['deleted, kept', { exe: exe('/run/rootfs/tmp/x (deleted)', ROOTFS) }, 'initramfs', /executable/],
  ['deleted, concealed', { exe: exe('/tmp/x (deleted)', ROOTFS) }, 'initramfs', /executable/],
  ['chrooted', { exe: exe('/jail/bin/p', ROOTFS), rootDev: ROOTFS }, 'initramfs', /executable/],
  ['late, of the initramfs: a daemon that forked after the switch', { exe: exe('/bin/p', ROOTFS), startTicks: AFTER }, 'initramfs', /executable/],
  ['a script by the interpreter of the initramfs', { exe: exe('/bin/busybox', ROOTFS), argv: ['sh', '/hook'] }, 'initramfs', /executable/],
  ['a script of the initramfs by an interpreter of the root', { exe: exe('/bin/dash', REAL), rootDev: ROOTFS, cwdDev: ROOTFS }, 'root', /executable/],
  ['of the real root, same path', { exe: exe('/bin/p', REAL), startTicks: AFTER }, 'root', /on the real root/],
  ['of the real root, started before the switch (chroot /sysroot)', { exe: exe('/sbin/fsck', REAL) }, 'root', /on the real root/],
  ['of /usr', { exe: exe('/usr/bin/p', USR), startTicks: AFTER }, 'root', /on the real root/],
  ['of the real root and called like one of the initramfs', { exe: exe('/run/rootfs/bin/p', REAL), startTicks: AFTER }, 'root', /real root/],
  ['of a container', { exe: exe('/bin/p', 99n), startTicks: AFTER }, 'other', /another file system/],
  ['unpacked into /run by a hook', { exe: exe('/run/helper', RUN) }, 'initramfs', /started before the switch, from neither/],
  ['of /run, later', { exe: exe('/run/helper', RUN), startTicks: AFTER }, 'other', /another/],
  ['memfd, before the switch', { exe: memory }, 'initramfs', /memory only; it started before/],
  ['memfd, after it, orphan', { exe: memory, startTicks: AFTER }, 'undecidable', /memory only, and it started after/],
  ['memfd, after it, root directory still on the initramfs', { exe: memory, startTicks: AFTER, rootDev: ROOTFS }, 'initramfs', /root directory/],
  ['memfd, after it, working directory on the initramfs', { exe: memory, startTicks: AFTER, cwdDev: ROOTFS }, 'initramfs', /working directory/],
  ['memfd in the tick of the switch', { exe: memory, startTicks: 500 }, 'undecidable', /its start does not tell/],
  ['zombie of before', { state: 'Z', exe: gone, rootDev: null, cwdDev: null }, 'initramfs', /ended.*before/],
  ['zombie of after', { state: 'Z', exe: gone, rootDev: null, cwdDev: null, startTicks: AFTER }, 'undecidable', /ended/],
  ['kernel thread', { isKernelThread: true, exe: gone, rootDev: null }, 'kernel', /kernel thread/],
  ['another user\'s process, not as root', { exe: exe(null, null, { errno: 'EACCES' }), uid: 1000 }, 'undecidable', /be root/],
  ['another user\'s process of before the switch, not as root', { exe: exe(null, null, { errno: 'EPERM' }), startTicks: BEFORE }, 'undecidable', /be root/],
  ['no executable at all', { exe: gone, startTicks: AFTER }, 'undecidable', /ENOENT/],
]

t.test('the zoo, after the switch', async (t) => {
  for (const [name, more, origin, evidence] of zoo) {
    const found = originOf(facts(more))
    t.equal(found.origin, origin, name)
    t.match(found.evidence, evidence, `${name}: evidence`)
  }
})

t.test('the path is never asked: every link gives the same', async (t) => {
  for (const link of ['/bin/p', '/run/rootfs/bin/p', '/bin/p (deleted)', '/memfd:x (deleted)', '/sysroot/bin/p', null]) {
    t.equal(originOf(facts({ exe: exe(link, ROOTFS) })).origin, 'initramfs', String(link))
    t.equal(originOf(facts({ exe: exe(link, REAL), startTicks: AFTER })).origin, 'root', String(link))
  }
})

t.test('before the switch everything but the real root is of the initramfs', async (t) => {
  const context: OriginContext = { ...kept, switched: { kind: 'not-yet' } }
  t.equal(originOf(facts({ exe: exe('/bin/p', ROOTFS), startTicks: AFTER }), context).origin, 'initramfs')
  t.equal(originOf(facts({ exe: memory, startTicks: AFTER }), context).origin, 'initramfs')
  t.equal(originOf(facts({ exe: exe('/run/p', RUN), startTicks: AFTER }), context).origin, 'initramfs')
  t.equal(originOf(facts({ exe: exe('/sysroot/sbin/fsck', REAL) }), context).origin, 'root')
})

t.test('parents decide where there is no file, but PID 1 does not', async (t) => {
  const child = facts({ pid: 300, ppid: 200, exe: memory, startTicks: AFTER })
  const daemon = facts({ pid: 200, exe: exe('/bin/d', ROOTFS) })
  const shell = facts({ pid: 200, exe: exe('/bin/sh', REAL), startTicks: AFTER })
  const init = facts({ pid: 1, ppid: 0, exe: exe('/sbin/init', REAL) })
  t.match(originOf(child, kept, [daemon]), { origin: 'initramfs', evidence: /parent 200 is of the initramfs/ })
  t.match(originOf(child, kept, [shell]), { origin: 'root', evidence: /parent 200 is of the real root/ })
  t.equal(originOf({ ...child, ppid: 1 }, kept, [init]).origin, 'undecidable')
  const between = facts({ pid: 250, ppid: 200, exe: memory, startTicks: AFTER })
  t.equal(originOf({ ...child, ppid: 250 }, kept, [between, daemon]).origin, 'initramfs', 'through another without a file')
  const circle = decideOrigins([facts({ pid: 2000, ppid: 2001, exe: memory, startTicks: AFTER }), facts({ pid: 2001, ppid: 2000, exe: memory, startTicks: AFTER })], kept)
  t.strictSame([...circle.values()].map((it) => it.origin), ['undecidable', 'undecidable'], 'pids that were reused while they were read')
})

t.test('the mount decides where st_dev does not: overlay and btrfs', async (t) => {
  const overlayRoot = exe('/bin/p', 200n, { mount: { dev: REAL, fstype: 'overlay' } })
  t.match(originOf(facts({ exe: overlayRoot, startTicks: AFTER })), { origin: 'root', evidence: /mount of the real root/ })
  t.match(originOf(facts({ exe: exe('/bin/p', 201n, { mount: { dev: ROOTFS, fstype: 'overlay' } }), startTicks: AFTER })), { origin: 'initramfs' })
  const nobodyKnows: OriginContext = { ...kept, initramfs: new Set(), switched: { kind: 'unknown' } }
  t.equal(originOf(facts({ exe: exe('/bin/p', ROOTFS, { mount: { dev: ROOTFS, fstype: 'rootfs' } }) }), nobodyKnows).origin, 'initramfs', 'rootfs is the initramfs, record or not')
  t.equal(originOf(facts({ exe: exe('/bin/p', ROOTFS) }), nobodyKnows).origin, 'other')
  t.strictSame([ROOTFS, REAL, MEMFD, 200n].map((dev) => needsMount(dev, kept)), [false, false, false, true])
})

t.test('a freed initramfs gives its number back', async (t) => {
  const freed: OriginContext = { ...kept, mayBeReused: true }
  const asked = (fstype: string, startTicks: number): Origin | undefined => originOf(facts({ exe: exe('/app/p', ROOTFS, { mount: { dev: ROOTFS, fstype } }), startTicks }), freed).origin
  t.equal(asked('overlay', AFTER), 'other')
  t.equal(asked('tmpfs', AFTER), 'other')
  t.equal(asked('rootfs', AFTER), 'initramfs')
  t.equal(asked('tmpfs', BEFORE), 'initramfs', 'a file system that was mounted in it')
  t.equal(originOf(facts({ exe: exe('/bin/p', ROOTFS), startTicks: AFTER }), freed).origin, 'initramfs', 'a kernel that cannot say never frees it')
  t.ok(needsMount(ROOTFS, freed))
})

t.test('start times are ticks of a hundredth of a second', async (t) => {
  const at = { kind: 'at', us: 5_009_999 } as const
  t.strictSame([499, 500, 501].map((tick) => startedBefore(tick, at)), [true, null, false])
  t.equal(startedBefore(0, { kind: 'unknown' }), null)
  t.equal(startedBefore(9999, { kind: 'not-yet' }), true)
})
