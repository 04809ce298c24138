// Records of /dev/kmsg: fields, escapes, continuation lines, and their print in the format of dmesg(1).
//
// The text is of real records, shortened.

import t from 'tap'
import { formatKernelMessage, parseKmsg } from './kmsg.ts'

t.test('records of /dev/kmsg', async (t) => {
  t.same(parseKmsg('7,160,424069,-;pci_root PNP0A03:00: host bridge window\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n'), {
    level: 7, facility: 0, sequence: 160n, us: 424069n, text: 'pci_root PNP0A03:00: host bridge window',
  })
  t.same(parseKmsg('30,339,5140900,c,caller=T1;systemd[1]: a;b\\x0a\\xe2\\x82\\xac'), {
    level: 6, facility: 3, sequence: 339n, us: 5140900n, text: 'systemd[1]: a;b\n€',
  })
  t.equal(parseKmsg('nonsense'), null)
})

t.test('printed as dmesg does', async (t) => {
  const at = (us: bigint, text: string): string => formatKernelMessage({ level: 6, facility: 0, sequence: 1n, us, text })
  t.equal(at(0n, 'Linux'), '[    0.000000] Linux')
  t.equal(at(123456000042n, 'a'), '[123456.000042] a')
  t.equal(at(1_000_000n, 'a\nb'), '[    1.000000] a\n               b')
})
