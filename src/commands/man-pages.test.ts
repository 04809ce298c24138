// Keeps the man pages and docs/errors.md in step with the code: every command, option, parameter, refusal
// and exit status is in them, and mandoc has nothing to say against the pages. Needs the Debian package
// mandoc.  mandoc(1), mdoc(7).

import t from 'tap'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { rescueCommands } from '../boot/rescue/rescue.ts'
import { breakPoints } from '../boot/parameters.ts'
import type { RefusalReason } from '../plan/step.ts'
import { EXIT_FAILED, EXIT_NO_READER, EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, EXIT_USAGE } from './command.ts'
import { manParameters } from './man-parameters.ts'
import { commandTable } from './table.ts'

const docs = join(import.meta.dirname, '../../docs')
const pages = readdirSync(join(docs, 'man'))
const page = (name: string): string => readFileSync(join(docs, 'man', name), 'utf8')

/** The page of a command: its own name, or fulcrum-NAME, in whatever section. */
function pageOf(name: string): string | undefined {
  return pages.find((file) => file.replace(/\.\d$/, '') === name) ?? pages.find((file) => file.replace(/\.\d$/, '') === `fulcrum-${name}`)
}

t.test('every command has a page, and fulcrum.1 names it', async (t) => {
  for (const { name } of commandTable) {
    t.match(page('fulcrum.1'), new RegExp(`^\\.It Cm (.* , )?(Cm )?${name}( ,|$)`, 'm'), `fulcrum.1: ${name}`)
    if (name !== 'version') t.ok(pageOf(name), `a page for ${name}`)
  }
})

t.test('a page has every option that --help has', async (t) => {
  for (const entry of commandTable) {
    const file = pageOf(entry.name)
    if (file === undefined) continue
    const command = await entry.load()
    const options = new Set(`${command.usage.join('\n')}\n${command.help}`.match(/(?<=[\s[|])--[a-z][a-z-]*/g))
    options.delete('--help')
    const text = page(file)
    for (const option of options) t.match(text, new RegExp(`Fl ${option.slice(1)}\\b`), `${file}: ${option}`)
  }
})

t.test('fulcrum.7 has the parameter table as the code has it, and the rescue console', async (t) => {
  const text = page('fulcrum.7')
  const start = text.indexOf('.Bl', text.indexOf('.Sh KERNEL PARAMETERS'))
  t.equal(text.slice(start, text.indexOf('.El\n', start) + 4), manParameters())
  const rescue = text.slice(text.indexOf('.Sh RESCUE CONSOLE'))
  for (const { name } of rescueCommands()) t.match(rescue, new RegExp(`\\b${name}\\b`), name)
  for (const point of breakPoints) t.match(text, new RegExp(`^\\.It Cm ${point}$`, 'm'), point)
})

t.test('fulcrum.toml.5 has an example that the builder takes', async (t) => {
  const { parseConfig } = await import('../../initrd-builder/config-file.ts')
  const example = /\.Bd -literal[^\n]*\n(.*?)\.Ed/s.exec(page('fulcrum.toml.5'))?.[1] ?? ''
  t.match(parseConfig(example, 'fulcrum.toml', (path) => path), { mode: 'host', features: ['shell', 'fsck'] })
})

t.test('errors.md lists every refusal and every exit status', async (t) => {
  // A Record, so that a reason that is added does not compile until it is here.
  const reasons: Record<RefusalReason, true> = {
    'new-root-missing': true, 'new-root-not-directory': true, 'new-root-is-root': true, 'not-initramfs': true, 'not-pid1': true,
    'init-missing': true, 'init-not-executable': true, 'init-wrong-architecture': true, 'init-interpreter-missing': true,
    'mount-point-missing': true, 'pivot-impossible': true, 'no-permission': true, 'root-not-given': true, 'root-invalid': true,
    'root-not-found': true, 'root-ambiguous': true, 'root-no-filesystem': true, 'root-locked': true, 'fsck-errors': true, 'image-truncated': true,
    'in-initramfs': true, 'not-main-root': true, 'initramfs-not-kept': true, 'initramfs-not-found': true, 'shutdown-missing': true,
    'bind-source-missing': true, 'working-directory-missing': true, 'command-not-found': true, 'command-not-executable': true, 'cgroup-missing': true,
    'hook-stopped': true, 'hooks-unfinished': true, 'root-not-mounted': true,
    'kernel-too-old': true, 'id-not-mapped': true, 'root-not-idmappable': true,
    'target-missing': true, 'not-mount-point': true, 'beneath-impossible': true, 'source-unusable': true, 'kind-mismatch': true,
    'submount-place-missing': true, 'nothing-to-finish': true, 'nothing-to-roll-back': true,
    'file-not-ours': true, 'not-installed': true, 'not-packed': true, 'outside-of-root': true,
    'verity-failed': true, 'verity-corrupted': true, 'image-not-found': true,
    'network-not-up': true, 'network-unsupported': true, 'server-not-reached': true, 'name-taken': true, 'not-running': true, 'out-of-reach': true, 'not-bound': true,
  }
  const text = readFileSync(join(docs, 'errors.md'), 'utf8')
  const rows = new Map([...text.matchAll(/^\| `?([\w-]+)`? \| (.*?) \| (.*?) \|$/gm)].map(([, key = '', , remedy = '']) => [key, remedy]))
  for (const reason of Object.keys(reasons)) t.ok((rows.get(reason) ?? '').length > 3, `${reason} has a remedy`)
  for (const status of [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_SYSTEM, EXIT_REFUSED, EXIT_NO_READER]) t.ok(rows.has(String(status)) || status === EXIT_OK, String(status))
  t.match(text, /^\| 0 \| done/m)
})

t.test('mandoc and the formatter find nothing wrong', async (t) => {
  ensureDebianPackages(['mandoc'])
  for (const file of pages) {
    const { stdout, status } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', join(docs, 'man', file)], { encoding: 'utf8' })
    t.equal(stdout, '', file)
    t.equal(status, 0, file)
  }
})
