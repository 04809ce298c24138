// Each law with code that breaks it and code that looks similar and does not. A rule that finds nothing is no rule.

import t from 'tap'
import * as boundaries from './boundaries.ts'
import type { FileRule, Finding, ProjectRule } from './finding.ts'
import * as language from './language.ts'
import { parseSourceFile } from './source-file.ts'
import { treeFindings } from './tree.ts'

interface Example {
  readonly rule: FileRule
  readonly path: string
  readonly bad: readonly string[]
  readonly good: readonly string[]
}

const EXAMPLES: Record<string, readonly Example[]> = {
  'koffi behind one door': [
    {
      rule: boundaries.kernelDoor,
      path: 'src/boot/a.ts',
      bad: [`import * as koffi from 'koffi'`, `import type { x } from 'koffi'`, `import('koffi')`],
      good: [`import x from 'koffing'`],
    },
    {
      rule: boundaries.kernelDoor,
      path: 'src/kernel/ffi-libc.ts',
      bad: [],
      good: [`import * as koffi from 'koffi'`],
    },
    {
      rule: boundaries.kernelDoor,
      path: 'src/kernel/hints.ts',
      bad: [`import * as koffi from 'koffi'`],
      good: [`import { Libc } from './ffi-libc.ts'`],
    },
    {
      rule: boundaries.kernelDoor,
      path: 'src/plan/a.ts',
      bad: [
        `import { KoffiKernel } from '../kernel/koffi-kernel.ts'`,
        `export * from '../kernel/ffi-libc.ts'`,
      ],
      good: [
        `import type { KoffiKernel } from '../kernel/koffi-kernel.ts'`,
        `import { SyscallError } from '../kernel/errors.ts'`,
      ],
    },
    {
      rule: boundaries.kernelDoor,
      path: 'src/main.ts',
      bad: [],
      good: [`import { KoffiKernel } from './kernel/koffi-kernel.ts'`],
    },
    {
      rule: boundaries.kernelDoor,
      path: 'src/plan/a.test.ts',
      bad: [],
      good: [`import { KoffiKernel } from '../kernel/koffi-kernel.ts'`],
    },
  ],
  'the main thread': [
    {
      rule: boundaries.mainThread,
      path: 'src/execute/a.ts',
      bad: [`import fs from 'node:fs/promises'`, `import { Worker } from 'node:worker_threads'`],
      good: [`import fs from 'node:fs'`],
    },
    {
      rule: boundaries.mainThread,
      path: 'src/commands/a.ts',
      bad: [],
      good: [`import fs from 'node:fs/promises'`],
    },
  ],
  'fit for the bundle': [
    {
      rule: boundaries.bundleSafe,
      path: 'src/a.ts',
      bad: ['const d = import.meta.dirname', 'await main()', 'for await (const x of y) z(x)'],
      good: [
        'async function f() { await g() }',
        'const f = async () => { await g() }',
        'class A { async m() { for await (const x of y) z(x) } }',
      ],
    },
    { rule: boundaries.bundleSafe, path: 'bundle/a.ts', bad: [], good: ['await main()'] },
  ],
  'no holes in the types': [
    {
      rule: language.typeHoles,
      path: 'src/a.test.ts',
      bad: [
        'let x: any',
        'f(x!)',
        'f(x as string)',
        'f(<string>x)',
        '// @ts-ignore\nx()',
        '/* @ts-expect-error */ x()',
        'const x = y as unknown',
      ],
      good: [
        'const x = [1] as const',
        `import { a as b } from './b.ts'`,
        '!x',
        'x !== y',
        `f('any as is!')`,
        '// any, as is!',
      ],
    },
    {
      rule: language.typeHoles,
      path: 'src/kernel/ffi-libc.ts',
      bad: ['let x: any'],
      good: ['f(x as string)'],
    },
  ],
  'no state at the top level': [
    {
      rule: language.topLevelState,
      path: 'src/a.ts',
      bad: [
        'let x = 1',
        'export let x = 1',
        'var x = 1',
        'const seen = new Set()',
        'export const seen = new Map<string, number>()',
        'const list: string[] = []',
        'const index: Record<string, number> = {}',
        'class A { static count = 0 }',
      ],
      good: [
        'const x = 1',
        `const x = new Set(['a'])`,
        'const none: readonly string[] = []',
        'const none: ReadonlyMap<string, number> = new Map()',
        'function f() { let x = 1 }',
        'class A { static readonly count = 0; y = 1 }',
        'declare let x: number',
      ],
    },
  ],
  'no ICU': [
    {
      rule: language.withoutIcu,
      path: 'initrd-builder/a.ts',
      bad: [
        'new Intl.Collator()',
        `a.localeCompare(b)`,
        'n.toLocaleString()',
        'list.sort((a, b) => a.localeCompare(b))',
        String.raw`/\p{Emoji}/u.test(x)`,
      ],
      good: [String.raw`/\p{L}/u.test(x)`, `const s = 'Intl'`, 'n.toString()', 'x.toUpperCase()'],
    },
    { rule: language.withoutIcu, path: 'scripts/a.ts', bad: [], good: ['n.toLocaleString()'] },
  ],
  'error texts': [
    {
      rule: language.errorText,
      path: 'src/a.ts',
      bad: [
        `throw new Error('Cannot open.')`,
        `throw new StepError("Can't open")`,
        "throw new Error(`Cannot open ${x}: file doesn't exist`)",
        'throw new Error(`Cannot open ${x}.`)',
      ],
      good: [
        `throw new Error('Cannot open')`,
        'throw new Error(`Cannot open ${x}, trying …`)',
        `throw new Error('Waiting...')`,
        `log("Can't.")`,
      ],
    },
  ],
  'header comments': [
    {
      rule: language.headerComment,
      path: 'src/a.ts',
      bad: ['export const x = 1', '// one\nexport const x = 1'],
      good: ['// one\n// two\n// three\nexport const x = 1'],
    },
    {
      rule: language.headerComment,
      path: 'src/a.test.ts',
      bad: ['import t from "tap"'],
      good: ['// one\nimport t from "tap"'],
    },
  ],
  length: [
    { rule: language.fileLength, path: 'src/a.ts', bad: ['//\n'.repeat(301)], good: ['//\n'.repeat(300)] },
  ],
}

for (const [name, examples] of Object.entries(EXAMPLES)) {
  t.test(name, async (t) => {
    for (const { rule, path, bad, good } of examples) {
      for (const source of bad)
        t.equal(rule(parseSourceFile(path, source)).length, 1, `${path} finds: ${source.slice(0, 80)}`)
      for (const source of good)
        t.same(rule(parseSourceFile(path, source)), [], `${path} allows: ${source.slice(0, 80)}`)
    }
  })
}

function judge(rule: ProjectRule, files: Record<string, string>): readonly Finding[] {
  return rule(Object.entries(files).map(([path, source]) => parseSourceFile(path, source)))
}

t.test('pure code uses no file, process or clock', async (t) => {
  const bad = [
    `import fs from 'node:fs'`,
    `import { spawn } from 'node:child_process'`,
    `import os from 'node:os'`,
    'const x = process.env',
    'const now = Date.now()',
    'const d = new Date()',
    'const r = Math.random()',
    'setTimeout(f, 1)',
    'console.log(1)',
    'f(process)',
    'const { env } = process',
    'const p = { process: process }',
  ]
  const good = [
    `import path from 'node:path'`,
    `import type { Stats } from 'node:fs'`,
    'const x = step.process',
    'const x = { process: 1 }',
    'Math.max(1, 2)',
    'interface A { process: number }',
    'function f(d: Date): number { return d.getTime() }',
    `const s = 'process'`,
  ]
  for (const source of bad) t.equal(judge(boundaries.purity, { 'src/plan/a.ts': source }).length, 1, source)
  for (const source of good) t.same(judge(boundaries.purity, { 'src/plan/a.ts': source }), [], source)
  t.same(
    judge(boundaries.purity, { 'src/boot/a.ts': bad.join('\n'), 'src/plan/a.test.ts': bad.join('\n') }),
    [],
    'elsewhere it is allowed',
  )
})

t.test('pure code does not reach impure code through others', async (t) => {
  const files = {
    'src/plan/a.ts': `import { b } from '../util/b.ts'`,
    'src/util/b.ts': `import { c } from './c.ts'`,
    'src/util/c.ts': `import fs from 'node:fs'`,
  }
  t.match(judge(boundaries.purity, files), [
    { path: 'src/plan/a.ts', message: /src\/util\/b\.ts -> src\/util\/c\.ts: .*node:fs/ },
  ])
  t.same(judge(boundaries.purity, { ...files, 'src/plan/a.ts': `import type { b } from '../util/b.ts'` }), [])
})

t.test('no import cycles', async (t) => {
  const files = {
    'src/a.ts': `import './b.ts'`,
    'src/b.ts': `export * from './x/c.ts'`,
    'src/x/c.ts': `import type { A } from '../a.ts'`,
  }
  t.match(judge(boundaries.cycles, files), [
    { rule: 'cycle', message: /src\/a\.ts -> src\/b\.ts -> src\/x\/c\.ts -> src\/a\.ts/ },
  ])
  t.equal(judge(boundaries.cycles, files).length, 1)
  t.same(judge(boundaries.cycles, { ...files, 'src/x/c.ts': '' }), [])
})

t.test('the tree', async (t) => {
  const of = (bytes: string, path = 'docs/a.md') =>
    treeFindings({ path, bytes: Buffer.from(bytes) }).map((it) => it.rule)
  // Put together here, so that this file itself does not name them.
  for (const host of [
    ['registry', 'npmjs', 'org'],
    ['deb', 'debian', 'org'],
    ['ftp.de', 'debian', 'org'],
    ['mirror', 'example', 'net'],
  ]) {
    t.same(of(`get it from https://${host.join('.')}/x`), ['registry'], host.join(' dot '))
  }
  t.same(of(`"resolved": ${'"http'}s://x/y.tgz"`, 'package-lock.json'), ['registry'])
  t.same(of('see https://www.kernel.org/doc and debian.org, the registry of modules'), [])
  t.same(of(`a\n${'<'.repeat(7)} HEAD\nb\n`, 'x.bash'), ['conflict'])
  t.same(of(`a\n${'>'.repeat(7)} 0d7208f (a change)\n`, 'x.bash'), ['conflict'])
  t.same(of(`cat <<<< HEAD; ${'='.repeat(7)}`, 'x.bash'), [])
  t.same(of('\x7fELF\0\0'), ['tree'])
  t.same(of('x'.repeat(500_000)), ['tree'])
  t.same(of('x'.repeat(500_000), 'package-lock.json'), [])
})

t.test('what cannot be parsed is said', async (t) => {
  t.ok(parseSourceFile('src/a.ts', 'const = ;').syntaxErrors.length > 0)
  t.same(parseSourceFile('src/a.ts', 'const x = 1').syntaxErrors, [])
})
