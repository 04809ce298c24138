// modprobe: what a user is told. What it loads is tried in guests (dracut-hooks.qemu.test.ts).
//
// Man page: fulcrum-modprobe(8)

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import { capturedIo } from './testing/captured-io.ts'
import { modprobeCommand } from './modprobe.ts'

function run(uid: number, ...args: string[]): { readonly status: unknown; readonly err: string } {
  const k = createBootedModel()
  k.proc.uid = uid
  const io = capturedIo(k)
  return { status: modprobeCommand.run(args, io), err: io.err() }
}

t.test('a module that is not there, and one that cannot be removed', async (t) => {
  t.match(run(0, 'nosuch'), { status: 1, err: /^modprobe: Cannot load module 'nosuch': it is not in '[^']*'\n$/ })
  t.match(run(65_534, 'nosuch'), { status: 1, err: /it is not in '[^']*'; user id 0 is needed too: run as root\n$/ })
  t.match(run(0, '-r', 'nosuch'), { status: 1, err: /^modprobe: Cannot remove module 'nosuch': delete_module\(.*ENOENT[^;]*\n$/ })
  t.match(run(65_534, '-r', 'nosuch'), { status: 1, err: /^modprobe: Cannot remove module 'nosuch': delete_module\(.*EPERM \(Operation not permitted\); CAP_SYS_MODULE is needed: run as root; or [^;]*\n$/ })
})
