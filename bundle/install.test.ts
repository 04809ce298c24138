// The packed program installs itself into an empty root, runs from there, installs and removes itself.
//
// The installer's own tests, with every kind of failure, are in src/install/install.test.ts.

import fs from 'node:fs'
import t from 'tap'
import { sha256 } from './output-file.ts'
import { koffiAddon, projectRoot, projectVersion } from './project.ts'
import { run } from './testing/probe.ts'
import { installedTexts } from './text-asset.ts'

const fulcrum = `${projectRoot}/dist/fulcrum`

t.test('install into an empty root, from there into another, uninstall', async (t) => {
  const root = fs.mkdtempSync('/tmp/fulcrum-install-packed-')
  t.teardown(() => fs.rmSync(root, { recursive: true }))
  t.match(run(fulcrum, ['install', '--root', `${root}/a`, '--prefix', '/usr', 'program', 'man', 'completions', 'stand-ins'], {}), { status: 0, stderr: '' })
  const installed = `${root}/a/usr/bin/fulcrum`
  t.equal(sha256(fs.readFileSync(installed)), sha256(fs.readFileSync(fulcrum)))
  t.equal(sha256(fs.readFileSync(`${root}/a/usr/lib/fulcrum/koffi.node`)), sha256(fs.readFileSync(koffiAddon)))
  for (const [name, text] of await installedTexts()) {
    const [, page, section = ''] = /^man\/(.*)\.(\d)$/.exec(name) ?? []
    if (page === undefined) continue
    const place = /^(switch_root|run-init|pivot_root)$/.test(page) ? 'lib/fulcrum/share/man' : 'share/man'
    t.equal(fs.readFileSync(`${root}/a/usr/${place}/man${section}/${page}.${section}`, 'utf8'), text, name)
  }
  t.match(run(`${root}/a/usr/lib/fulcrum/bin/switch_root`, ['--version'], {}), { status: 0, stdout: projectVersion() })
  t.match(run(installed, ['install', '--root', `${root}/b`, '--json'], {}), { status: 0, stderr: '' }, 'the installed one is the packed program')
  const hooks = [...(await installedTexts()).keys()].filter((name) => !/^(man|completions)\//.test(name))
  t.same(hooks, [
    'dracut/50fulcrum/fulcrum-keep.sh', 'dracut/50fulcrum/module-setup.sh', 'dracut/50fulcrum/switch_root',
    'initramfs-tools/hooks/fulcrum', 'initramfs-tools/scripts/init-top/fulcrum', 'mkinitcpio/hooks/fulcrum', 'mkinitcpio/install/fulcrum',
  ], 'what others read is named here, so that nothing else gets there')
  const json: unknown = JSON.parse(run(installed, ['uninstall', '--root', `${root}/b`, '--json'], {}).stdout)
  t.match(json, { dryRun: false, kept: [], root: `${root}/b` })
  t.match(run(installed, ['uninstall', '--root', `${root}/a`, '--prefix', '/usr'], {}), { status: 0, stderr: '' }, 'also by itself')
  t.same(fs.readdirSync(`${root}/a`), [])
  t.same(fs.readdirSync(`${root}/b`), [])
})

t.test('standard output that takes nothing is a line and a status', async (t) => {
  t.match(run('/bin/sh', ['-c', `${fulcrum} help > /dev/full`], {}), { status: 111, stderr: 'fulcrum: Cannot write to standard output: ENOSPC: no space left on device, write\n' })
  t.match(run('/bin/sh', ['-c', `{ sleep 2; ${fulcrum} help; echo $? >&2; } | true`], { PATH: '/bin:/usr/bin' }), { status: 0, stderr: '141\n' })
})
