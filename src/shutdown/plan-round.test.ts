// The order in which things go: tables of stacks, each with the steps that are wanted.
//
// Facts are written by hand; what reads them is tested in take-down.test.ts and in QEMU.

import t from 'tap'
import { makeDev, parseMountInfo } from '../facts/mountinfo.ts'
import { planRound } from './plan-round.ts'
import type { RoundRequest } from './plan-round.ts'
import type { History } from './stack-graph.ts'
import type { DeviceWay, StackDevice, StackFacts, StackProcess, Swap } from './stack-facts.ts'

const fresh: History = { hung: new Set(), survivors: new Set() }
const request: RoundRequest = { keepDevices: false, desperate: false }
const initramfs = '1 1 0:2 / / rw - rootfs rootfs rw\n2 1 0:20 / /proc rw - proc proc rw\n3 1 0:21 / /run rw - tmpfs run rw\n'

const dev = (number: string): bigint => makeDev(Number(number.split(':')[0]), Number(number.split(':')[1]))

function device(name: string, number: string, way: DeviceWay, slaves: readonly string[] = [], isOwn = false): StackDevice {
  return { name, node: `/dev/${name}`, devs: [dev(number)], slaves: slaves.map(dev), way, isOwn }
}

const loop = (name: string, number: string, backingFile: string): StackDevice => device(name, number, { kind: 'loop', backingFile })
const mapper = (name: string, number: string, slaves: readonly string[]): StackDevice => device(name, number, { kind: 'dm', name: `${name}-name`, uuid: 'LVM-x' }, slaves)
const file = (path: string): Swap => ({ path, isFile: true, dev: null })

function person(pid: number, role: StackProcess['role'], servesMount = false): StackProcess {
  const exe = { link: null, dev: 1n, ino: 1n, mount: null, errno: null }
  const facts = { pid, ppid: 1, comm: `p${pid}`, state: 'S', isKernelThread: false, startTicks: pid, uid: 0, argv: [], cgroup: null, survives: false, exe, rootDev: null, cwdDev: null }
  return { facts, role, reason: '', endsItself: false, servesMount }
}

function facts(mountinfo: string, more: Partial<StackFacts> = {}): StackFacts {
  const mounts = parseMountInfo(initramfs + mountinfo).map((mount) => ({ ...mount, devices: mount.major === 0 ? [] : [mount.dev] }))
  return { oldRoot: '/oldroot', mounts, ownDev: dev('0:2'), swaps: [], devices: [], processes: [], ...more }
}

/** The steps as short words: 'ro 254:0', 'umount 30', 'swap /x', 'loop0', 'kill 5', 'end 7'. */
function words(of: StackFacts, how: Partial<RoundRequest> = {}, history: History = fresh): string[] {
  return planRound(of, history, { ...request, ...how }).steps.map(({ action }) => {
    switch (action.do) {
      case 'read-only': return `ro ${action.mount.major}:${action.mount.minor}`
      case 'unmount': return `${action.isTree ? 'detach' : 'umount'} ${action.mount.id}`
      case 'swapoff': return `swap ${action.swap.path}`
      case 'release': return action.device.name
      default: return `${action.do} ${action.processes.map((it) => it.facts.pid).join(' ')}`
    }
  })
}

const root = '30 1 254:1 / /oldroot rw - ext4 /dev/vda1 rw\n'

t.test('read-only first, all of it, then unmounted, top first', async (t) => {
  const of = facts(`${root}31 30 0:30 / /oldroot/proc rw - proc proc rw
32 30 254:2 / /oldroot/home rw - xfs /dev/vda2 rw
33 32 254:3 / /oldroot/home/a rw - ext4 /dev/vda3 rw
34 1 0:31 / /oldrootless rw - tmpfs tmpfs rw
35 33 254:4 / /oldroot/home/a rw - ext4 /dev/vda4 ro
`)
  t.same(words(of), ['ro 254:3', 'ro 254:2', 'ro 254:1', 'umount 35', 'umount 33', 'umount 32', 'detach 31', 'umount 30'])
  t.same(planRound(of, fresh, request).left.length, 5, 'read-only is no thing that is left')
})

t.test('one superblock is made read-only once, a read-only, remote or own one never', async (t) => {
  const of = facts(`${root}31 30 254:1 /x /oldroot/bind rw - ext4 /dev/vda1 rw
32 30 0:40 / /oldroot/net rw - nfs4 server:/x rw
33 30 0:2 / /oldroot/run/rootfs ro - rootfs rootfs rw
`)
  t.same(words(of), ['ro 254:1', 'detach 33', 'umount 32', 'umount 31', 'umount 30'])
})

t.test('trees in memory go as one, unless something else needs them', async (t) => {
  const trees = `${root}31 30 0:30 / /oldroot/sys rw - sysfs sysfs rw
32 31 0:31 / /oldroot/sys/fs/cgroup rw - cgroup2 cgroup2 rw
33 30 0:32 / /oldroot/run rw - tmpfs tmpfs rw
34 33 0:33 / /oldroot/run/user rw - tmpfs tmpfs rw
35 33 0:2 / /oldroot/run/rootfs ro - rootfs rootfs rw
`
  t.same(words(facts(trees)), ['ro 254:1', 'detach 33', 'detach 31', 'umount 30'])
  t.same(words(facts(`${trees}36 33 254:5 / /oldroot/run/media rw - vfat /dev/vde rw\n`)), ['ro 254:5', 'ro 254:1', 'umount 36', 'detach 35', 'detach 34', 'umount 33', 'detach 31', 'umount 30'])
  t.same(words(facts(trees, { devices: [loop('loop0', '7:0', '/oldroot/run/user/x.img')] })), ['ro 254:1', 'detach 35', 'detach 31', 'loop0', 'umount 34', 'umount 33', 'umount 30'])
})

t.test('swap on a file of the root, and on a volume', async (t) => {
  const of = facts(root, { swaps: [file('/oldroot/swapfile'), { path: '/dev/dm-0', isFile: false, dev: dev('253:0') }], devices: [mapper('dm-0', '253:0', ['254:2'])] })
  t.same(words(of), ['swap /oldroot/swapfile', 'swap /dev/dm-0', 'ro 254:1', 'umount 30', 'dm-0'])
})

t.test('md on dm on a loop device on a file of the root, LUKS between', async (t) => {
  const devices = [
    device('md0', '9:0', { kind: 'md', container: null }, ['253:0', '253:1']), mapper('dm-0', '253:0', ['7:0']), mapper('dm-1', '253:1', ['7:1']),
    loop('loop0', '7:0', '/oldroot/a.img'), loop('loop1', '7:1', '/oldroot/b.img'),
  ]
  const of = facts(`${root}40 30 9:0 / /oldroot/mnt rw - ext4 /dev/md0 rw\n`, { devices })
  t.same(words(of), ['ro 9:0', 'umount 40', 'md0', 'dm-0', 'dm-1', 'loop0', 'loop1', 'ro 254:1', 'umount 30'])
  t.same(planRound(of, fresh, request).steps.at(-1)?.after.includes('device:loop0'), true, 'and insists on it')
})

t.test('an array before its container', async (t) => {
  const devices = [device('md127', '9:127', { kind: 'md', container: null }), device('md126', '9:126', { kind: 'md', container: 'md127' })]
  t.same(words(facts(root, { devices })), ['ro 254:1', 'umount 30', 'md126', 'md127'])
})

t.test('an overlay before its layers, wherever they are', async (t) => {
  const of = facts(`25 1 254:9 / /layers rw - ext4 /dev/vdb rw
30 1 0:50 / /oldroot rw - overlay overlay rw,lowerdir=/layers/low,upperdir=/layers/up,workdir=/layers/work
`)
  t.same(words(of), ['ro 0:50', 'umount 30', 'ro 254:9', 'umount 25'])
  t.same(words(of, { keepDevices: true }), ['ro 0:50', 'umount 30'], 'on the way back what the initramfs has mounted stays')
})

t.test('what hides others goes first', async (t) => {
  const of = facts(`${root}31 30 254:2 / /oldroot/a/b rw - ext4 /dev/vda2 rw\n32 30 0:60 / /oldroot/a rw - tmpfs tmpfs rw\n33 32 254:3 / /oldroot/a/b rw - ext4 /dev/vda3 rw\n`)
  t.same(words(of), ['ro 254:3', 'ro 254:1', 'umount 33', 'umount 32', 'ro 254:2', 'umount 31', 'umount 30'])
})

t.test('disks that were carried along below /run', async (t) => {
  const of = facts(`${root}50 3 254:5 / /run/media/stick rw - vfat /dev/vde rw\n51 3 0:70 / /run/user/0 rw - tmpfs tmpfs rw\n`)
  for (const keepDevices of [false, true]) t.same(words(of, { keepDevices }), ['ro 254:5', 'ro 254:1', 'umount 50', 'umount 30'])
})

t.test('the kept initramfs stands on a loop device of its own', async (t) => {
  const devices = [device('loop0', '7:0', { kind: 'loop', backingFile: '/initramfs.img' }, [], true), loop('loop1', '7:1', '/oldroot/x')]
  t.same(words(facts(root, { devices })), ['loop1', 'ro 254:1', 'umount 30'])
})

t.test('on the way back devices stay, but those that need a file of the old root', async (t) => {
  const devices = [loop('loop1', '7:1', '/oldroot/x'), mapper('dm-1', '253:1', ['7:1']), mapper('dm-0', '253:0', ['254:7']), device('nbd0', '43:0', { kind: 'nbd' })]
  t.same(words(facts(root, { devices }), { keepDevices: true }), ['dm-1', 'loop1', 'ro 254:1', 'umount 30'])
  t.same(words(facts(root, { devices })), ['dm-1', 'loop1', 'ro 254:1', 'umount 30', 'dm-0', 'nbd0'])
})

t.test('victims first, servers last, those of other file systems before the root', async (t) => {
  const of = facts(`${root}31 30 0:80 / /oldroot/mnt rw - fuse.sshfs host:/ rw\n`, { processes: [person(5, 'victim'), person(6, 'victim'), person(7, 'server'), person(8, 'other-server'), person(9, 'stays')] })
  t.same(words(of), ['kill 5 6', 'ro 0:80', 'umount 31', 'end 8', 'ro 254:1', 'umount 30', 'end 7'])
  t.same(words(of, { keepDevices: true }), ['kill 5 6', 'ro 0:80', 'umount 31', 'end 8', 'ro 254:1', 'umount 30'])
  t.same(words(of, {}, { ...fresh, survivors: new Set(['process:5 5', 'process:6 6']) })[0], 'ro 0:80', 'who survived SIGKILL is not killed again')
})

t.test('a FUSE server of the root before the device that it holds, another one after', async (t) => {
  const of = facts('30 1 0:44 / /oldroot rw - fuse.fuse2fs /dev/dm-0 rw\n', { devices: [mapper('dm-0', '253:0', ['254:1'])], processes: [person(7, 'server', true), person(8, 'server')] })
  t.same(words(of), ['ro 0:44', 'umount 30', 'end 7', 'dm-0', 'end 8'])
})

t.test('what hangs is left alone with what is below it, and nothing else is', async (t) => {
  const of = facts(`${root}31 30 253:0 / /oldroot/mnt rw - ext4 /dev/dm-0 rw\n32 30 254:2 / /oldroot/home rw - ext4 /dev/vda2 rw\n`, { devices: [mapper('dm-0', '253:0', ['7:0']), loop('loop0', '7:0', '/x')] })
  const history = { ...fresh, hung: new Set([`read-only:${dev('253:0')}`]) }
  const round = planRound(of, history, request)
  t.same(words(of, {}, history), ['ro 254:2', 'ro 254:1', 'umount 32', 'umount 30'])
  t.same(round.left.filter((what) => what.endsWith('does not answer')), ['/oldroot/mnt (ext4 on /dev/dm-0), which does not answer', '/dev/dm-0 (device mapper dm-0-name), which does not answer', '/dev/loop0 (loop device of /x), which does not answer'])
  t.ok(round.steps.find((step) => step.key === 'mount:30')?.after.includes('mount:31'), 'the root waits for it')
  t.same(planRound(of, history, { ...request, desperate: true }).steps.flatMap((step) => step.after), [], 'until nothing else helps')
})

t.test('nothing left, and a circle', async (t) => {
  t.same(planRound(facts(''), fresh, request), { steps: [], left: [] })
  const circle = facts('30 1 7:0 / /oldroot rw - ext4 /dev/loop0 rw\n', { devices: [loop('loop0', '7:0', '/oldroot/itself')] })
  t.same(words(circle).sort(), ['loop0', 'ro 7:0', 'umount 30'], 'ends, with all of it')
})
