// The guest that is measured is the same whatever the tests' guests are: its processor, its disks, no port for tests.
// It exists because the tests' processor was changed once, and the bench had looked for the old one's name.
// qemu-system-x86_64(1)
import t from 'tap'
import { BENCH_CPU, benchArguments } from './run-machine.ts'

const MACHINE = { kernel: '/vmlinuz', append: 'quiet', memoryMiB: 512, disks: [{ path: '/disk.img', bus: 'virtio' as const }] }

t.test('processor, instructions, no port', async (t) => {
  const words = benchArguments(MACHINE, false)
  t.equal(words[words.indexOf('-cpu') + 1], BENCH_CPU)
  t.equal(words[words.indexOf('-icount') + 1], 'shift=0,sleep=off')
  t.notMatch(words.join(' '), /virtio-serial|virtserialport/)
})

t.test('disks that answer at once', async (t) => {
  t.match(benchArguments(MACHINE, false).join(' '), /snapshot=on,aio=io_uring .*virtio-blk-pci,.*,ioeventfd=off/)
  t.match(benchArguments(MACHINE, true).join(' '), /format=raw,aio=native,cache\.direct=on,cache\.no-flush=on/)
})
