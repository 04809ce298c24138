// Lines of the tool are found among what a guest's kernel writes; what is missing in one is 0.
// The tool itself is C and runs in the benches only.
// Printed by: `npm run bench -- scale` and `npm run bench -- build`.
import t from 'tap'
import { toolLines } from './scale-tool.ts'

t.test('cases, stamps and errors, behind a kernel\'s stamp too', async (t) => {
  const console = [
    '[    1.0] Linux', 'scale: {"case":"a b","ns":12,"cpuUs":3,"maxRssKiB":4,"failed":0}\r',
    '[    2.0] x scale: {"stamp":"init","ns":99}', 'scale: {"error":"Cannot make \'x\': EEXIST"}', 'scale: broken',
  ].join('\n')
  t.strictSame(toolLines(console), [
    { kind: 'case', name: 'a b', ns: 12, cpuUs: 3, maxRssKiB: 4, failed: 0 },
    { kind: 'stamp', name: 'init', ns: 99, cpuUs: 0, maxRssKiB: 0, failed: 0 },
    { kind: 'error', name: "Cannot make 'x': EEXIST", ns: 0, cpuUs: 0, maxRssKiB: 0, failed: 0 },
  ])
})
