// What the packed program carries of itself: its own bytes, koffi's addon, the man pages and the completions.
//
// The last two are an asset that only this file reads, so that PID 1 does not pay for them. Running from source there
// is no such thing. bundle/text-asset.ts makes it; sea.getRawAsset: https://nodejs.org/api/single-executable-applications.html

import sea from 'node:sea'
import { gunzipSync } from 'node:zlib'
import type { Kernel } from '../kernel/kernel.ts'
import type { Payload } from './layout.ts'

/** The asset: JSON of an object from names to texts, by gzip. */
export const TEXT_ASSET = 'fulcrum-texts.json.gz'

function toTexts(value: unknown): Map<string, string> {
  if (typeof value !== 'object' || value === null) throw new Error(`Cannot read '${TEXT_ASSET}' in the program: it is damaged`)
  return new Map(Object.entries(value).flatMap(([name, text]): [string, string][] => (typeof text === 'string' ? [[name, text]] : [])))
}

/** Null when this is not the packed program. Throws SyscallError when the program cannot be read: /proc is needed. */
export function readPayload(kernel: Pick<Kernel, 'readFile'>): Payload | null {
  if (!sea.isSea()) return null
  const texts: unknown = JSON.parse(gunzipSync(new Uint8Array(sea.getRawAsset(TEXT_ASSET))).toString('utf8'))
  return { program: kernel.readFile('/proc/self/exe'), addon: new Uint8Array(sea.getRawAsset('koffi.node')), texts: toTexts(texts) }
}
