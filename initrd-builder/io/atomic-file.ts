// Writes a file so that it is there whole or not at all.
//
// A temporary name in the same directory, fsync, rename; if the process is interrupted in between, the
// temporary file is removed on the way out. /boot may be small: what is missing of space shows before the
// old image is gone.

import { open, rename, rm } from 'node:fs/promises'
import { BuilderError, describeCause } from '../builder-error.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

/** Writes the chunks to `path` with these permissions. Throws BuilderError; leaves nothing behind then. */
export async function writeFileAtomically(path: string, chunks: Iterable<Uint8Array>, mode = 0o644): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`
  const stop = removeOnSignal(temporary)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      for (const chunk of chunks) await file.writeFile(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw new BuilderError('system', `Cannot write '${path}': ${describeCause(cause)}`, { cause })
  } finally {
    stop()
  }
}

/** Until the returned function is called, the signals remove the file and end the process as they would have. */
function removeOnSignal(path: string): () => void {
  const handlers = signals.map(signal => {
    const handler = (): void => {
      void rm(path, { force: true }).finally(() => process.exit(128 + signalNumbers[signal]))
    }
    process.once(signal, handler)
    return { signal, handler }
  })
  return () => {
    for (const { signal, handler } of handlers) process.removeListener(signal, handler)
  }
}
