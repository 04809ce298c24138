// Hooks and modules written for dracut, from the option to the tree of the image.

import t from 'tap'
import fs from 'node:fs'
import { features } from '../features.ts'
import { ImageTree } from '../image/image-tree.ts'
import { makeCollector } from '../io/collector.ts'
import { openSysroot } from '../io/sysroot.ts'
import { makeSysroot, smallSystem } from '../testing/make-sysroot.ts'
import { addDracutHooks, HOOKS_FEATURE, withHooksFeature } from './add-hooks.ts'
import { parseHook } from './parse-hook.ts'
import type { ModulePlace } from './run-module.ts'

const directory = fs.mkdtempSync('/tmp/fulcrum-add-hooks-')
t.teardown(() => fs.rmSync(directory, { recursive: true }))
const system = makeSysroot(`${directory}/root`, { ...smallSystem, '/usr/bin/tool': '#!/bin/busybox sh\n', '/usr/lib/udev/rules.d/60-x.rules': 'x', '/etc/tool.conf': 'a=1\n' })

/** A module's directory; returns its path. */
function moduleDirectory(name: string, files: Readonly<Record<string, string>>): string {
  const place = `${directory}/modules/${name}`
  fs.mkdirSync(place, { recursive: true })
  for (const [file, text] of Object.entries(files)) fs.writeFileSync(`${place}/${file}`, text)
  return place
}

function emptyPlace(more: readonly string[] = []): ModulePlace {
  const tree = new ImageTree()
  const sysroot = openSysroot(system)
  return { tree, sysroot, collector: makeCollector(sysroot, tree), kernel: '6.1.0-test', features: [HOOKS_FEATURE, ...more], isHostOnly: false }
}

function textAt(tree: ImageTree, path: string): string | null {
  const node = tree.get(path)
  return node?.type === 'file' ? Buffer.from(node.data).toString('utf8') : null
}

void t.test('--hook', async (t) => {
  t.same(parseHook('initqueue/settled:5:/a/b.sh'), { point: 'initqueue/settled', priority: '05', source: '/a/b.sh' })
  for (const [text, why] of [['x', /expected POINT/], ['nowhere:50:a.sh', /no point 'nowhere'/], ['mount:high:a.sh', /priority 'high'/], ['mount:50:a', /'\.sh'/]] as const) {
    t.throws(() => parseHook(text), { kind: 'usage', message: why })
  }
  t.same(withHooksFeature({ output: 'x', hooks: [parseHook('mount:50:a.sh')] }), [HOOKS_FEATURE])
  t.same(withHooksFeature({ output: 'x', features: ['shell'] }), ['shell'])
  t.ok(features.some(({ name }) => name === HOOKS_FEATURE))
})

void t.test('hooks and the library are put in', async (t) => {
  const place = emptyPlace()
  fs.writeFileSync(`${directory}/a.sh`, 'echo a\n')
  const options = { output: 'x', hooks: [parseHook(`pre-mount:50:${directory}/a.sh`)] }
  addDracutHooks(options, place)
  t.equal(textAt(place.tree, '/var/lib/dracut/hooks/pre-mount/50-a.sh'), 'echo a\n')
  t.match(textAt(place.tree, '/lib/dracut-lib.sh'), /getargbool\(\)/)
  t.match(textAt(place.tree, '/bin/initqueue'), /initqueue "\$@"/)
  t.throws(() => addDracutHooks({ ...options, hooks: [...options.hooks, ...options.hooks] }, emptyPlace()), { message: /there is another one/ })
})

void t.test('a module: what its install puts in, with what that needs', async (t) => {
  const place = emptyPlace()
  const module = moduleDirectory('50mine', {
    'module-setup.sh': `#!/bin/bash
check() { require_binaries tool || return 1; return 255; }
depends() { echo base other; }
installkernel() { hostonly='' instmods loud =drivers/none; }
install() {
    inst_multiple tool
    inst_multiple -o nothing-like-it /etc/tool.conf
    inst_hook pre-mount 50 "$moddir/mine.sh"
    inst_script "$moddir/mine.sh" /sbin/mine
    inst_rules 60-x.rules
    inst_simple /etc/os-release /etc/copy
    echo b=2 >> "$initdir/etc/tool.conf"
    wait_for_dev /dev/mine
    dracut_need_initqueue
}
`,
    'mine.sh': '#!/bin/busybox sh\necho mine\n',
  })
  moduleDirectory('60other', { 'module-setup.sh': 'install() { mkdir -p "$initdir/etc/other.d"; echo x > "$initdir/etc/other.d/x"; ln -s x "$initdir/etc/other.d/y"; }\n' })
  const { kernelModules, warnings } = addDracutHooks({ output: 'x', dracutModules: [module] }, place)
  t.same(kernelModules, ['loud'])
  t.same(warnings, [])
  t.equal(textAt(place.tree, '/bin/tool'), '#!/bin/busybox sh\n')
  t.ok(place.tree.has('/bin/busybox'), 'the interpreter came along')
  t.ok(place.tree.has('/lib/x86_64-linux-gnu/libc.so.6'), 'and its library')
  t.equal(textAt(place.tree, '/var/lib/dracut/hooks/pre-mount/50-mine.sh'), '#!/bin/busybox sh\necho mine\n')
  t.equal(textAt(place.tree, '/bin/mine'), '#!/bin/busybox sh\necho mine\n')
  t.equal(textAt(place.tree, '/lib/udev/rules.d/60-x.rules'), 'x')
  t.equal(textAt(place.tree, '/etc/tool.conf'), 'a=1\nb=2\n', 'as the module has changed it')
  t.match(textAt(place.tree, '/var/lib/dracut/hooks/initqueue/finished/devexists-\\x2fdev\\x2fmine.sh'), /-e "\/dev\/mine"/)
  t.equal(textAt(place.tree, '/etc/other.d/x'), 'x\n', 'a module beside it that it depends on')
  t.match(place.tree.get('/etc/other.d/y'), { type: 'symlink', target: '/etc/other.d/x' })
})

void t.test('what cannot be is refused', async (t) => {
  const refused = (name: string, text: string, message: RegExp): void => {
    const module = moduleDirectory(name, { 'module-setup.sh': text })
    t.throws(() => addDracutHooks({ output: 'x', dracutModules: [module] }, emptyPlace()), { message }, name)
  }
  refused('50lacking', 'check() { require_binaries no-such-tool || return 1; }\n', /'lacking': its check says .* no 'no-such-tool'/)
  refused('50unknown', 'install() { inst_moon; }\n', /'unknown': it calls 'inst_moon'/)
  refused('50hook', 'install() { inst_hook nowhere 50 "$moddir/module-setup.sh"; }\n', /no hook point 'nowhere'/)
  refused('50needs', 'depends() { echo absent; }\n', /it needs 'absent', which is not beside it/)
  refused('50feature', 'depends() { echo lvm; }\n', /it needs 'lvm', which is the feature 'lvm' here/)
  refused('50multiple', 'install() { inst_multiple absent; }\n', /no 'absent'/)
  t.throws(() => addDracutHooks({ output: 'x', dracutModules: [`${directory}/modules`] }, emptyPlace()), { kind: 'usage', message: /no 'module-setup\.sh'/ })
})
