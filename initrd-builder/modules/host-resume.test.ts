// What a machine resumes from, read from files that look like its sysfs and its links of udev.
//
// Pure otherwise: numbers of devices are handed in.

import t from 'tap'
import { hostResume } from './host-resume.ts'

t.test('the device of the running kernel by its UUID', async (t) => {
  const at = (resume: string, offset: string): string => t.testdir({
    sys: { power: { resume: `${resume}\n`, resume_offset: `${offset}\n` } }, 'by-uuid': { gone: '', '1-2': '' },
  })
  const numberOf = (path: string): string | undefined => (path.endsWith('/1-2') ? '1:3' : undefined)
  const of = (resume: string, offset = '0'): unknown => {
    const directory = at(resume, offset)
    return hostResume({ sys: `${directory}/sys`, proc: '/nosuch', numberOf }, `${directory}/by-uuid`)
  }
  t.strictSame(of('1:3'), { spec: 'UUID=1-2', offsetPages: 0 })
  t.strictSame(of('1:3', '34816'), { spec: 'UUID=1-2', offsetPages: 34_816 })
  t.equal(of('0:0'), null)
  t.equal(of('1:5'), null, 'no UUID leads there')
  t.equal(hostResume({ sys: '/nosuch', proc: '/nosuch', numberOf }, '/nosuch'), null)
})
