// Compressor to lz4's legacy frame: the default form of an image, since the kernel unpacks it fastest.
//
// Written here so that a build needs no tool and gives the same bytes everywhere, on however many processors: a
// frame's blocks of 8 MiB know nothing of each other. See lib/decompress_unlz4.c.

import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { compressLz4Block } from './lz4-block.ts'
import { mapLimited } from './map-limited.ts'

const blockSize = 8 << 20
const magic = 0x184c2102
/** How many earlier places each search looks at. */
const searchDepth = 16

/** Answers each block that it is sent with the compressed one. The compressor is handed over as text. */
const workerProgram = `'use strict'
const { parentPort, workerData } = require('node:worker_threads')
const compress = ${compressLz4Block.toString()}
parentPort.on('message', block => {
  const packed = compress(block, workerData)
  parentPort.postMessage(packed, [packed.buffer])
})`

function blocksOf(input: Uint8Array): Uint8Array[] {
  const count = Math.ceil(input.length / blockSize)
  return Array.from({ length: count }, (_, i) => input.subarray(i * blockSize, (i + 1) * blockSize))
}

function frameOf(blocks: readonly Uint8Array[]): Buffer {
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  }
  return Buffer.concat([word(magic), ...blocks.flatMap(block => [word(block.length), block])])
}

/** The frame, made on this thread. */
export function compressLz4Legacy(input: Uint8Array, depth = searchDepth): Buffer {
  return frameOf(blocksOf(input).map(block => compressLz4Block(block, depth)))
}

/**
 * The same frame, byte for byte, made by as many threads as there are processors; where no thread can be started, on
 * this one, letting signals through between blocks.
 */
export async function compressLz4Threaded(input: Uint8Array, threads = availableParallelism()): Promise<Buffer> {
  const blocks = blocksOf(input)
  const wanted = Math.min(threads, blocks.length)
  const workers = wanted < 2 ? [] : await startWorkers(wanted)
  try {
    return frameOf(await mapLimited(blocks, async (block, lane) => {
      const worker = workers[lane]
      const packed = worker === undefined ? compressLz4Block(block, searchDepth) : await compressIn(worker, block)
      await setImmediate()
      return packed
    }, workers.length))
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()))
  }
}

async function startWorkers(count: number): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => new Worker(workerProgram, { eval: true, workerData: searchDepth }))
  const started = await Promise.allSettled(workers.map(worker => once(worker, 'online')))
  return workers.filter((_, i) => started[i]?.status === 'fulfilled')
}

/** Rejects when the worker ends before it has answered. */
async function compressIn(worker: Worker, block: Uint8Array): Promise<Uint8Array> {
  // A copy, also of a Buffer, whose slice() would be a view; it is given away instead of being copied again.
  const copy = new Uint8Array(block)
  worker.postMessage(copy, [copy.buffer])
  const [packed]: unknown[] = await once(worker, 'message')
  if (!(packed instanceof Uint8Array)) throw new Error('Cannot compress by lz4: a thread answered something else')
  return packed
}
