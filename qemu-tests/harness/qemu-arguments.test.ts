// Tests of QEMU's argument list, without QEMU.
import t from 'tap'
import fc from 'fast-check'
import { qemuArguments, shellQuote } from './qemu-arguments.ts'
import type { Channels, Machine } from './qemu-arguments.ts'

const channels: Channels = { console: { kind: 'stdio' }, tap: { kind: 'file', path: '/a/tap.log' } }
const machine: Machine = { kernel: '/k', append: 'console=ttyS0 root="LABEL=a b"', memoryMiB: 512 }

/** The values that follow every `name`. */
function values(args: readonly string[], name: string): string[] {
  return args.flatMap((arg, at) => (arg === name ? [args[at + 1] ?? ''] : []))
}

t.test('the fixed part', async (t) => {
  const args = qemuArguments(machine, channels)
  t.same(values(args, '-accel'), ['tcg'], 'never KVM')
  t.same(values(args, '-append'), ['console=ttyS0 root="LABEL=a b"'], 'the command line is one argument')
  t.same(values(args, '-initrd'), [])
  t.same(values(args, '-m'), ['512M'])
  t.ok(args.includes('-no-reboot'))
  t.same(values(args, '-drive'), [])
  t.notOk(args.join(' ').includes('ahci'), 'no controller that no disk needs')
})

t.test('disks: one controller each kind, throw-away writes', async (t) => {
  const args = qemuArguments({
    ...machine,
    disks: [
      { path: '/d/a,b.img', bus: 'virtio' },
      { path: '/d/c.img', bus: 'nvme', serial: 'N1' },
      { path: '/d/d.img', bus: 'scsi', readOnly: true },
      { path: '/d/e.img', bus: 'sata' },
      { path: '/d/f.img', bus: 'sata' },
    ],
  }, channels)
  t.same(values(args, '-drive'), [
    'file=/d/a,,b.img,if=none,id=disk0,format=raw,snapshot=on',
    'file=/d/c.img,if=none,id=disk1,format=raw,snapshot=on',
    'file=/d/d.img,if=none,id=disk2,format=raw,readonly=on',
    'file=/d/e.img,if=none,id=disk3,format=raw,snapshot=on',
    'file=/d/f.img,if=none,id=disk4,format=raw,snapshot=on',
  ])
  const devices = values(args, '-device')
  t.ok(devices.includes('nvme,drive=disk1,serial=N1'))
  t.ok(devices.includes('ide-hd,drive=disk3,bus=ahci.3,serial=fulcrum3'))
  t.equal(devices.filter((device) => device.startsWith('ich9-ahci')).length, 1)
  t.equal(devices.filter((device) => device.startsWith('virtio-scsi')).length, 1)
})

t.test('a disk that keeps what is written, and a network', async (t) => {
  const args = qemuArguments({ ...machine, disks: [{ path: '/d/a.img', bus: 'virtio', writable: true }], network: true }, channels)
  t.same(values(args, '-drive'), ['file=/d/a.img,if=none,id=disk0,format=raw'])
  t.equal(values(args, '-netdev').length, 1)
  t.same(values(qemuArguments(machine, channels), '-netdev'), [])
})

t.test('a controller for a disk that comes late', async (t) => {
  const devices = values(qemuArguments({ ...machine, controllers: ['scsi'] }, channels), '-device')
  t.ok(devices.includes('virtio-scsi-pci,id=scsi'))
  t.notOk(devices.some((device) => device.startsWith('scsi-hd')))
})

t.test('shares: virtiofs needs shared memory, 9p does not', async (t) => {
  const nine = qemuArguments({ ...machine, shares: [{ kind: '9p', tag: 'root', path: '/tree' }] }, channels)
  t.same(values(nine, '-fsdev'), ['local,id=share0,path=/tree,security_model=none'])
  t.notOk(nine.includes('-object'))
  const virtiofs = qemuArguments({ ...machine, shares: [{ kind: 'virtiofs', tag: 'root', socket: '/s' }] }, channels)
  t.same(values(virtiofs, '-object'), ['memory-backend-memfd,id=memory,size=512M,share=on'])
  t.ok(values(virtiofs, '-device').includes('vhost-user-fs-pci,chardev=share0,tag=root'))
})

t.test('channels, script, icount', async (t) => {
  const args = qemuArguments(
    { ...machine, initrd: '/i', script: '/x/script', icount: true },
    { ...channels, qmp: { kind: 'socket', path: '/q' }, secondSerial: { kind: 'file', path: '/2' } },
  )
  t.same(values(args, '-serial'), ['chardev:console', 'chardev:second'], 'the console is the first')
  t.same(values(args, '-mon'), ['chardev=qmp,mode=control'])
  t.same(values(args, '-fw_cfg'), ['name=opt/org.fulcrum/script,file=/x/script'])
  t.same(values(args, '-icount'), ['shift=0,sleep=off'])
  t.same(values(args, '-initrd'), ['/i'])
})

t.test('shell quoting loses nothing', async (t) => {
  t.equal(shellQuote('a=b'), 'a=b')
  t.equal(shellQuote(`it's`), `'it'\\''s'`)
  fc.assert(fc.property(fc.string(), (text) => {
    // Undo by the shell's rules: quoted parts are literal, \' stands for a quote.
    const undone = shellQuote(text).replaceAll(/'([^']*)'|\\'/g, (whole, inner: string | undefined) => inner ?? (whole === `\\'` ? `'` : ''))
    return undone === text
  }))
})
