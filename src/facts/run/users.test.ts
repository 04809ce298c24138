// Users as the files of a root name them.
import t from 'tap'
import { resolveUser } from './users.ts'

const passwd = 'root:x:0:0:root:/root:/bin/bash\nbroken line\nme:x:1000:100:Me:/home/me:\nbad:x:-1:0::/:\n5:x:77:77::/five:/bin/sh\n'
const group = 'root:x:0:\nusers:x:100:me\nvideo:x:44:me,other\naudio:x:29:other,me\n'
const look = (spec: string): unknown => resolveUser(spec, passwd, group)

t.test('found', async (t) => {
  t.strictSame(look('me'), { uid: 1000, gid: 100, groups: [44, 29], home: '/home/me', name: 'me', shell: null })
  t.strictSame(look('1000'), look('me'), 'a number that has a name')
  t.strictSame(look('root'), { uid: 0, gid: 0, groups: [], home: '/root', name: 'root', shell: '/bin/bash' })
  t.match(look('5'), { uid: 77 }, 'a name that is a number')
  t.strictSame(look('4242'), { uid: 4242, gid: 4242, groups: [], home: '/', name: null, shell: null }, 'a number without a name')
  t.match(look('me:video'), { uid: 1000, gid: 44, groups: [] })
  t.match(look('0:7'), { uid: 0, gid: 7, home: '/root' })
})

t.test('not found', async (t) => {
  for (const spec of ['', ':x', 'me:', 'a:b:c', 'nobody', 'bad', 'broken', 'me:nogroup', '4294967295', '-1']) t.type(look(spec), 'string', `'${spec}'`)
  t.match(resolveUser('me', '', ''), /not in \/etc\/passwd of the root/)
})
