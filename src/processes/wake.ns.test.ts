// A FUSE server that is stopped does not answer, and does once its requests wake it: for real, by fuse2fs.
// Needs root, /dev/fuse, and the Debian packages fuse2fs and e2fsprogs; never skips.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { SIGCONT, SIGSTOP } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { markForSurvival } from './mark.ts'

ensureDebianPackages(['fuse2fs', 'e2fsprogs'])
const k = createKoffiKernel()
const directory = mkdtempSync(join(tmpdir(), 'fulcrum-wake-'))
const image = join(directory, 'image')
const at = join(directory, 'mount')
mkdirSync(at)
writeFileSync(image, '')
truncateSync(image, 16 << 20)
spawnSync('mke2fs', ['-q', '-F', '-t', 'ext4', image], { stdio: 'inherit' })

/** Serves the image, remembers nothing, says its pid; ends when its input does. */
const KEEPER = `
fuse2fs "$1" "$2" -f -o ro,attr_timeout=0,entry_timeout=0 > /dev/null 2>&1 & pid=$!
until [ -d "$2/lost+found" ]; do sleep 0.05; done
echo $pid
cat > /dev/null
kill -CONT $pid
umount "$2"
wait $pid
`
const keeper = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', KEEPER, 'sh', image, at], { stdio: ['pipe', 'pipe', 'inherit'] })
const [line] = await once(createInterface({ input: keeper.stdout }), 'line')
const server = Number(line)
if (!(server > 1)) throw new Error(`Cannot start fuse2fs: '${String(line)}'`)

/** Whether the file system answers within two seconds. Through the keeper's mount namespace. */
function answers(): boolean {
  return spawnSync('timeout', ['-s', 'KILL', '2', 'stat', `/proc/${server}/root${at}/lost+found`]).status === 0
}
function state(): string | undefined {
  return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${server}/status`, 'utf8'))?.[1]
}
function stop(): void {
  k.kill(server, SIGSTOP)
  while (state() !== 'T') k.sleepMs(5)
}

t.test('a stopped server is woken by what is asked of it, as often as it is stopped', async (t) => {
  t.ok(answers())
  stop()
  t.notOk(answers(), 'without the mark it stays stopped')
  t.equal(state(), 'T')
  k.kill(server, SIGCONT)
  const descriptors = k.readdir('/proc/self/fd').length
  t.match(markForSurvival(k, server), { at: true, wakes: true })
  t.equal(k.readdir('/proc/self/fd').length, descriptors, 'nothing of it is left with us')
  for (let i = 0; i < 3; i += 1) {
    stop()
    t.ok(answers())
    t.not(state(), 'T')
  }
})

t.teardown(async () => {
  k.kill(server, SIGCONT)
  keeper.stdin.end()
  await once(keeper, 'exit')
  rmSync(directory, { recursive: true, force: true })
})
