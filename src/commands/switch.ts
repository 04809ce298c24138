// `fulcrum switch`: a switch of root with all choices, or its plan as text or JSON.
//
// The stand-ins fix the choices that their originals made; this one offers them.

import { keeps } from '../facts/switch-types.ts'
import type { EngineChoice } from '../facts/switch-types.ts'
import { EXIT_REFUSED, EXIT_SYSTEM, type Command } from './command.ts'
import { parseOptionList, UsageError } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'
import { absoluteInit } from './switch-root.ts'
import { currentEnv, runSwitch } from './switch-run.ts'

const engines: readonly EngineChoice[] = ['auto', 'move', 'pivot']

const specs: readonly OptionSpec[] = [
  { name: 'engine', kind: 'value' }, { name: 'keep', kind: 'value' }, { name: 'console', kind: 'value' },
  { name: 'boot', kind: 'flag' }, { name: 'timestamps', kind: 'flag' }, { name: 'dry-run', kind: 'flag', short: 'n' }, { name: 'json', kind: 'flag' },
]

export const switchCommand: Command = {
  name: 'switch',
  summary: 'switch to a root that is mounted already',
  usage: ['fulcrum switch [--engine auto|move|pivot] [--keep full|slim|none] [--console DEV] [--boot] [--dry-run] [--json] NEWROOT INIT [ARGS]'],
  help: `Carries the mounts below /dev, /proc, /sys and /run to NEWROOT, makes it the root and executes INIT.

  --engine E     pivot: pivot_root(2), the old root stays at /run/rootfs; move: MS_MOVE and chroot;
                 auto (default): pivot where the kernel can
  --keep K       full: keep the old root; slim: only the compressed copy that its image carries; none:
                 delete the initramfs's files. Default: full with pivot or when this is not PID 1,
                 none with move
  --console DEV  open DEV in NEWROOT as standard input, output and error
  --boot         as the end of a boot: fulcrum.* words of the kernel command line count, the processes of
                 the initramfs are ended, kept and marked, and /run/fulcrum/boot.json is written; engine
                 pivot, also before Linux 7.0. For the /init of another initramfs
  --timestamps   tell systemd when the initramfs began, if INIT is systemd
  -n, --dry-run  print the plan, change nothing
  --json         plan or refusal as JSON

Only PID 1 may delete the initramfs. With the old root kept any process may switch; pivot takes the
others along, move leaves them where they are.
Exit status: 100 usage, 111 a step failed and was undone, 112 refused.
`,
  run(args, io) {
    // The first word ends the options: what is behind it belongs to init, dashes and all.
    const { options, command } = parseOptionList(args, specs, 0)
    const has = (name: string): boolean => options.some((it) => it.name === name)
    const value = (name: string): string | null => options.findLast((it) => it.name === name)?.value ?? null
    const usage = (what: string): never => { throw new UsageError(what) }
    const engine = engines.find((e) => e === (value('engine') ?? 'auto'))
    if (engine === undefined) return usage(`Cannot use engine '${value('engine')}': expected ${engines.join(', ')}`)
    const asked = value('keep')
    const keep = keeps.find((k) => k === asked) ?? null
    if (asked !== null && keep === null) return usage(`Cannot keep '${asked}': expected ${keeps.join(', ')}`)
    const [newRoot, init, ...initArgs] = command ?? []
    if (newRoot === undefined || init === undefined) return usage(`Cannot switch: expected NEWROOT and INIT${newRoot === undefined ? '' : `, and there is only '${newRoot}'`}`)
    const dryRun = has('dry-run')
    const asBoot = has('boot')
    const isPid1 = io.kernel().getpid() === 1
    return runSwitch(io, {
      name: 'fulcrum switch',
      statuses: { refused: EXIT_REFUSED, failed: EXIT_SYSTEM, execMissing: EXIT_SYSTEM, execFailed: EXIT_SYSTEM },
      dryRun,
      show: has('json') ? 'json' : 'text',
      asBoot,
      request: {
        newRoot, engine, keep: keep ?? (isPid1 || dryRun ? null : 'full'), init: [absoluteInit(init)], initArgs, env: currentEnv(io),
        console: value('console'), dropCapabilities: [], timestamps: has('timestamps'),
        requirePid1: (asBoot || keep === 'none' || keep === 'slim') && !dryRun,
      },
    })
  },
}
