// Loading a keyboard layout: every key is set, what the kernel does not know is left out, nothing is thrown.
//
// ioctl_console(2)
import t from 'tap'
import { SyscallError } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import { errnoNumber } from '../abi/errno.ts'
import { KEYMAP, loadKeymap } from './keymap.ts'

/** One table, plain; key 21 is 'z'. */
const layout = Buffer.concat([Buffer.from('bkeymap'), Buffer.from([1]), Buffer.alloc(255), Buffer.alloc(256)])
layout.writeUInt16LE(0xfb7a, 7 + 256 + 21 * 2)

interface Played {
  readonly set: string[]
  readonly count: number
  readonly lines: string[]
  readonly open: number
}

function play(file: Uint8Array | null, fail: (entry: Uint8Array | null) => 'EINVAL' | 'EIO' | 'ENXIO' | 'EPERM' | null = () => null): Played {
  const set: string[] = []
  const lines: string[] = []
  let open = 0
  const throwIf = (entry: Uint8Array | null): void => {
    const errno = fail(entry)
    if (errno !== null) throw new SyscallError(entry === null ? 'open' : 'ioctl', [], errnoNumber(errno) ?? 0)
  }
  const count = loadKeymap({
    exists: (path) => path !== KEYMAP || file !== null,
    readFile: () => file ?? new Uint8Array(0),
    open: () => {
      throwIf(null)
      open++
      return toFd(7)
    },
    close: () => void open--,
    ioctl: (_fd, request, argument) => {
      const entry = typeof argument === 'number' ? new Uint8Array(0) : argument
      throwIf(entry)
      set.push(`${request.toString(16)} ${Buffer.from(entry).toString('hex')}`)
      return 0
    },
  }, { warn: (line) => void lines.push(line) })
  return { set, count, lines, open }
}

t.test('a layout', async (t) => {
  const played = play(layout)
  t.equal(played.count, 128)
  t.ok(played.set.includes('4b47 00157afb'))
  t.same([played.lines, played.open], [[], 0])
})

t.test('no layout, no keyboard, a value that the kernel does not know, a file that is none', async (t) => {
  t.match(play(null), { count: 0, set: [], lines: [] })
  t.match(play(layout, () => 'ENXIO'), { count: 0, lines: [], open: 0 })
  t.match(play(layout, (entry) => (entry?.[1] === 21 ? 'EINVAL' : null)), { count: 127, lines: [], open: 0 })
  t.match(play(layout, (entry) => (entry?.[1] === 21 ? 'EPERM' : null)), { count: 0, lines: [/EPERM/], open: 0 })
  t.match(play(Buffer.from('text')), { count: 0, lines: [/no binary layout/] })
})
