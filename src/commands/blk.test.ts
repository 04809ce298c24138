// fulcrum blk on a machine in memory.

import t from 'tap'
import { ext4Disk, FakeDeviceKernel } from '../boot/devices/fake-kernel-for-tests.ts'
import { runBlk, blkCommand } from './blk.ts'
import { UsageError } from './option-list.ts'
import { EXIT_OK, EXIT_SYSTEM } from './command.ts'

const uuid = '0d4dbbf5-3b2d-4a36-a0a5-19c6ad0c0c3a'

function run(kernel: FakeDeviceKernel, args: readonly string[]): { status: number; stdout: string; stderr: string } {
  let stdout = ''
  let stderr = ''
  const status = runBlk(args, { stdout: text => { stdout += text }, stderr: text => { stderr += text }, kernel: () => kernel })
  return { status, stdout, stderr }
}

const machine = (): FakeDeviceKernel =>
  new FakeDeviceKernel()
    .addBlock('vda', '254:0', new Uint8Array(1 << 20))
    .addBlock('vda10', '254:10', ext4Disk(uuid, 'my root'), 'vda', 'PARTUUID=ab-0a\n')
    .addBlock('vda2', '254:2', new Uint8Array(512), 'vda')
    .addBlock('loop0', '7:0', new Uint8Array(0))
    .add({ '/sys/fs/virtiofs/1/tag': 'host\n' })

t.test('table', async t => {
  const { status, stdout } = run(machine(), [])
  t.equal(status, EXIT_OK)
  t.equal(stdout, [
    'NAME     SIZE     TYPE  IDS',
    'vda      1 MiB    -',
    '  vda2   512 B    -',
    `  vda10  256 KiB  ext4  UUID=${uuid} LABEL="my root" PARTUUID=ab-0a`,
    'virtiofs:host',
    '',
  ].join('\n'))
  t.match(run(machine(), ['--all']).stdout, /^loop0 {2}empty$/m)
})

t.test('JSON', async t => {
  const devices: unknown = JSON.parse(run(machine(), ['--json']).stdout)
  t.match(devices, [{ name: 'vda' }, { name: 'vda2' }, { name: 'vda10', devno: '254:10', type: 'ext4', uuid, label: 'my root', partuuid: 'ab-0a', parent: 'vda', partition: 10, size: 262144 }])
})

t.test('nothing, usage, help', async t => {
  t.match(run(new FakeDeviceKernel(), []), { status: EXIT_SYSTEM, stderr: /Cannot find any block device/ })
  t.same(JSON.parse(run(new FakeDeviceKernel(), ['--json']).stdout), [])
  t.throws(() => run(machine(), ['--nonsense']), new UsageError("Cannot understand option '--nonsense'"))
  t.throws(() => run(machine(), ['extra']), new UsageError("Cannot understand 'extra': expected options only"))
  t.equal(blkCommand.name, 'blk')
})
