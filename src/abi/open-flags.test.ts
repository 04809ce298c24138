// Flags of open(2) in words.
import t from 'tap'
import { openFlagsToString } from './open-flags.ts'

t.test('as strace prints them', async (t) => {
  t.equal(openFlagsToString(0), 'O_RDONLY')
  t.equal(openFlagsToString(0x441), 'O_WRONLY|O_CREAT|O_APPEND')
  t.equal(openFlagsToString(0x80800), 'O_RDONLY|O_NONBLOCK|O_CLOEXEC')
  t.equal(openFlagsToString(0x200002), 'O_RDWR|O_PATH')
  t.equal(openFlagsToString(0x40000003), '0x40000003')
})
