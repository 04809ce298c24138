// An old root of this kernel, built and taken down in namespaces of its own: run by take-down.ns.test.ts.
//
// What belongs to the machine is out of reach: the mounts that are not below the given directory, block devices and
// swap are hidden from the program, and only processes of this pid namespace are in its /proc.
// Argument: an empty directory.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { createKoffiKernel } from '../../kernel/koffi-kernel.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { takeDown } from '../take-down.ts'

const [, , oldRoot] = process.argv
if (oldRoot === undefined) throw new Error('Cannot run: the argument is DIRECTORY')
const k = createKoffiKernel()

k.mount('old', oldRoot, 'tmpfs', 0, null)
for (const name of ['lower', 'upper', 'merged', 'proc', 'nested']) fs.mkdirSync(join(oldRoot, name))
k.mount('upper', join(oldRoot, 'upper'), 'tmpfs', 0, null)
for (const name of ['up', 'work']) fs.mkdirSync(join(oldRoot, 'upper', name))
const layers = `lowerdir=${oldRoot}/lower,upperdir=${oldRoot}/upper/up,workdir=${oldRoot}/upper/work`
k.mount('merged', join(oldRoot, 'merged'), 'overlay', 0, layers)
k.mount('proc', join(oldRoot, 'proc'), 'proc', 0, null)
k.mount('nested', join(oldRoot, 'nested'), 'tmpfs', 0, null)
k.mount('again', join(oldRoot, 'nested'), 'tmpfs', 0, null)

/** In the merged tree; in a mount namespace of its own with copies of everything; deaf to SIGTERM. */
const people = [
  spawn('sleep', ['1000'], { cwd: join(oldRoot, 'merged'), stdio: 'ignore' }),
  spawn('unshare', ['--mount', 'sleep', '1000'], { cwd: '/', stdio: 'ignore' }),
  spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1000; done'], { cwd: join(oldRoot, 'nested'), stdio: 'ignore' }),
]
/** By its program: before it was executed a child is node, or unshare. */
const isSomebody = (pid: number | undefined): boolean => fs.existsSync(`/proc/${pid}/exe`) && !/\/(node|unshare)$/.test(fs.readlinkSync(`/proc/${pid}/exe`))
while (people.some(({ pid }) => !isSomebody(pid))) k.sleepMs(10)

const visible = (text: string): string => text.split('\n').filter((line) => [oldRoot, '/'].includes(line.split(' ')[4] ?? '') || line.includes(` ${oldRoot}/`)).map((line) => `${line}\n`).join('')
const restricted: Pick<Kernel, 'readText' | 'readdir'> = {
  readText: (path) => (path === '/proc/self/mountinfo' ? visible(k.readText(path)) : path === '/proc/swaps' ? '' : k.readText(path)),
  readdir: (path) => (path === '/sys/block' ? [] : k.readdir(path)),
}
// A copy would lose the methods of the class, and a prototype its private fields.
const kernel = new Proxy(k, {
  get: (target, name) => {
    const own: unknown = Reflect.get(restricted, name) ?? Reflect.get(target, name)
    return typeof own === 'function' ? own.bind(target) : own
  },
})
const report = takeDown(kernel, {
  oldRoot, keepDevices: false, graceMs: 0, stepMs: 5000, timeoutMs: 30_000, tick: () => undefined, tickMs: 500,
  print: (line) => void process.stdout.write(`say ${line}\n`),
})
process.stdout.write(`report ${JSON.stringify(report)}\n`)
for (const line of k.readText('/proc/self/mountinfo').split('\n')) process.stdout.write(`mount ${line}\n`)
for (const { pid } of people) process.stdout.write(`process ${fs.existsSync(`/proc/${pid}`) ? fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] : 'gone'}\n`)
for (const child of people) child.unref()
