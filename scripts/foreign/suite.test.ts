// What is read from the log of a foreign test: its machines, how it ended, and why.

import t from 'tap'
import { MACHINE_STARTS, machinesOf, outcomeOf, reasonOf } from './suite.ts'
import type { LogLine } from './suite.ts'

const log = (...lines: readonly (readonly [number, string])[]): LogLine[] => lines.map(([at, text]) => ({ at, text }))

/** A test of dracut: a disk is made, then two clients, the second of which does not come to its end. */
const DRACUT = log(
  [1, 'TEST: usr [STARTED]'],
  [5, "run-qemu: timeout --foreground 3600 /usr/bin/qemu-system-x86_64 -append 'quiet' -initrd /var/tmp/x/initramfs.makeroot"],
  [15, MACHINE_STARTS], [40, '[   20.5] reboot: Power down'],
  [60, 'CLIENT TEST START: no option specified'],
  [60, 'run-qemu: timeout --foreground 3600 /usr/bin/qemu-system-x86_64 -initrd /var/tmp/x/initramfs.testing'],
  [61, MACHINE_STARTS], [99, 'fulcrum: root /dev/sda (btrfs, rw), engine pivot, initramfs kept at /run/rootfs'], [109, '[   40.5] reboot: Power down'],
  [110, 'CLIENT TEST END: no option specified [OK]'], [110, 'CLIENT TEST START: readonly root (ro)'],
  [110, 'run-qemu: timeout --foreground 3600 /usr/bin/qemu-system-x86_64 -initrd /var/tmp/x/initramfs.testing'],
  [150, MACHINE_STARTS], [160, 'dracut: waiting'],
)

t.test('machines have the name that the suite gives them, their own seconds, and passed when another one came after', async (t) => {
  t.strictSame(machinesOf(DRACUT, 'not finished', 170), [
    { name: 'disk', result: 'pass', seconds: 25, seen: false },
    { name: 'no option specified', result: 'pass', seconds: 48, seen: true },
    { name: 'readonly root (ro)', result: 'not finished', seconds: 20, seen: false },
  ])
})

t.test('the disks of several layers, and the machines of initramfs-tools by what they are told', async (t) => {
  const qemu = 'run-qemu: qemu-system-x86_64 -cpu max -m 1G'
  const lines = log([1, 'MAKEROOT START: raid-crypt'], [1, 'run-qemu: timeout qemu-system-x86_64 -initrd initramfs.makeroot'],
    [2, `${qemu} -daemonize -append console=ttyS0,115200 ro root=/dev/vda panic=-1`], [3, `${qemu} -append console=ttyS0,115200 ro root=/dev/vda panic=-1 ip=:::::lan1:dhcp`],
    [4, `${qemu} -append console=ttyS0 ro root=/dev/vda panic=-1 BOOTIF=01-52 ip=dhcp`], [5, `${qemu} -append console=ttyS0 ro panic=-1 root=iscsi:10.0.7.1:::1:iqn`],
    [6, `${qemu} -append console=ttyS0 ro root=/dev/sda panic=-1`])
  t.strictSame(machinesOf(lines, 'pass', 9).map(({ name, result }) => `${name} ${result}`),
    ['disk of raid-crypt pass', 'server pass', 'ip=:::::lan1:dhcp pass', 'BOOTIF=01-52 ip=dhcp pass', 'root=iscsi:10.0.7.1:::1:iqn pass', 'machine 6 pass'])
})

t.test('a test that is cut short neither passed nor failed', async (t) => {
  const what = { test: 'TEST-11', way: 'fulcrum', log: '/l' } as const
  const limit = outcomeOf(what, { end: { kind: 'limit', minutes: 30 }, lines: DRACUT, seconds: 1800 }, true)
  t.match(limit, { result: 'not finished', reason: "our limit of 30 min was reached in machine 3, 'readonly root (ro)'", seen: true })
  t.match(outcomeOf(what, { end: { kind: 'interrupted' }, lines: [], seconds: 3 }, true), { result: 'not finished', reason: 'interrupted before its first machine', seen: false })
  t.match(outcomeOf(what, { end: { kind: 'exit', status: 0 }, lines: DRACUT, seconds: 3 }, false), { result: 'pass', reason: null, seen: null })
  t.match(outcomeOf(what, { end: { kind: 'exit', status: 77 }, lines: [], seconds: 3 }, true), { result: 'skip', reason: 'exit status 77 before its first machine' })
})

t.test('the reason of a failure is what the suite says, or that its own limit was reached', async (t) => {
  const machines = machinesOf(DRACUT, 'fail', 170)
  const end = { kind: 'exit', status: 1 } as const
  const message = "E: Message '^All OK' not found in QEMU log output '/x'."
  t.equal(reasonOf(end, [...DRACUT, ...log([161, message], [162, 'see /suite/test.log'])], machines), `${message} in machine 3, 'readonly root (ro)'`)
  t.equal(reasonOf(end, [...DRACUT, ...log([161, "qemu-system-x86_64: terminating on signal 15 from pid 7 (timeout)"])], machines),
    "the suite's limit for a machine was reached in machine 3, 'readonly root (ro)'")
  t.equal(reasonOf(end, DRACUT, machines), "exit status 1 in machine 3, 'readonly root (ro)'")
})
