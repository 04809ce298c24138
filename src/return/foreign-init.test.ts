// Going forward with the /init of others: nothing is mounted, and the number of returns is told once.

import t from 'tap'
import { MS_BIND } from '../abi/mount.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { createBootedModel, initramfsFiles } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { executable } from '../kernel/model/vfs.ts'
import { isForeignInit, prepareForeignInit, takeReturns } from './foreign-init.ts'

const points = (k: ModelKernel): string[] => {
  if (!k.exists('/proc/self')) k.mount('proc', '/proc', 'proc', 0, null)
  return parseMountInfo(k.readText('/proc/self/mountinfo')).map((m) => m.mountPoint).filter((point) => point !== '/')
}

t.test('a script is not ours', async (t) => {
  t.ok(isForeignInit(createBootedModel({ absoluteRoot: true, files: { ...initramfsFiles, '/init': executable('#!/bin/sh\n') } })))
  t.notOk(isForeignInit(createBootedModel({ absoluteRoot: true, files: initramfsFiles })))
  const none = createBootedModel({ absoluteRoot: true, files: initramfsFiles })
  none.unlink('/init')
  t.notOk(isForeignInit(none))
})

t.test('as the kernel leaves the initramfs', async (t) => {
  const k = createBootedModel({ absoluteRoot: true, files: initramfsFiles })
  k.mount('proc', '/proc', 'proc', 0, null)
  k.mount('/run', '/run', null, MS_BIND, null)
  t.ok(points(k).length > 4, points(k).join(' '))
  const said: string[] = []
  prepareForeignInit(k, { returns: 3, stop: true }, (line) => void said.push(line))
  t.notOk(k.exists('/proc/self'))
  t.same(points(k), ['/proc'], 'but for that by which it is looked at')
  t.match(said, [/^Cannot stop in the initramfs/])
  t.equal(takeReturns(k), 3)
  t.equal(takeReturns(k), 0, 'once')
})
