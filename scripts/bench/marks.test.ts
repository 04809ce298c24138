// The marks on the console become numbers, whatever stands around them; what is missing is said.
import t from 'tap'
import { instant, logLines, memory, numberOf, shutdownTimes } from './marks.ts'

const CONSOLE = `SeaBIOS\r
[    0.000000] Linux version 6.12\r
Debian GNU/Linux 13 fulcrum ttyS0\r
fulcrum login: [    7.000250] bench: MemAvailable:     900000 kB\r
[    7.000251] bench: MemFree:          880000 kB\r
[    7.000252] bench: Unevictable:        3000 kB\r
[    7.000253] bench: Shmem:               600 kB\r
[    7.000254] bench: poweroff asked for\r
         Stopping something...\r
[    8.500000] bench: systemd-shutdown starts\r
[    8.500100] bench: then Shmem:     51000 kB\r
[   10.015625] reboot: Power down\r
`

t.test('lines with a stamp, also behind a prompt', async (t) => {
  t.same(logLines(CONSOLE).slice(0, 2), [
    { ms: 0, text: 'Linux version 6.12' },
    { ms: 7000.25, text: 'bench: MemAvailable:     900000 kB' },
  ])
  t.equal(logLines(CONSOLE).length, 9)
})

t.test('the instants of a shutdown', async (t) => {
  t.same(shutdownTimes(CONSOLE), { asked: 7000.254, shutdownStarts: 8500, powerDown: 10015.625, shmemThen: 51000 })
  t.equal(instant(`${CONSOLE}[   11.000000] reboot: Power down\n`, 'Power down'), 11000, 'the last one counts')
})

t.test('memory', async (t) => {
  t.same(memory(CONSOLE), { free: 880000, available: 900000, unevictable: 3000, shmem: 600 })
  t.equal(memory(`${CONSOLE}bench: zone count: 10\nbench: zone count: 3\n`).free, 880052, 'pages in lists of processors are free')
  t.equal(numberOf('bench: x 12\n', /bench: x (\d+)/), 12)
})

t.test('what is missing is said, with the end of the console', async (t) => {
  t.throws(() => shutdownTimes('[    1.000000] Kernel panic - not syncing: x\n'), /no 'bench: poweroff asked for'.*\n.*Kernel panic/)
  t.throws(() => memory('bench: MemAvailable: 5 kB\n'), /no 'bench: MemFree/)
  t.throws(() => numberOf('', /bench: y (\d+)/), /no 'bench: y/)
})
