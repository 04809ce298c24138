// The kernel's log, read from /dev/kmsg without waiting.
//
// One read(2) gives one record; EAGAIN says that the end is reached, EPIPE that records were
// overwritten while reading (the next read goes on behind them).
// Source: Documentation/ABI/testing/dev-kmsg, dmesg(1).

import { O_CLOEXEC, O_NONBLOCK, O_RDONLY } from '../abi/process.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** One record of the kernel's log. */
export interface KernelMessage {
  /** 0 (emergency) to 7 (debug). */
  readonly level: number
  /** 0 is the kernel, 3 a daemon; syslog(3). */
  readonly facility: number
  readonly sequence: bigint
  /** Microseconds of CLOCK_MONOTONIC, as printk counts them. */
  readonly us: bigint
  /** The text, escapes decoded; may have several lines. */
  readonly text: string
}

/** Longest record: the kernel's CONSOLE_EXT_LOG_MAX, 8192. */
const recordBytes = 8192

/** Parses one record of /dev/kmsg, or returns null for something that is none. Continuation properties are left out. */
export function parseKmsg(record: string): KernelMessage | null {
  const match = /^(\d+),(\d+),(\d+),[^;]*;([^\n]*)/.exec(record)
  if (match === null) return null
  const [, priority = '', sequence = '', us = '', text = ''] = match
  const number = Number(priority)
  return { level: number & 7, facility: number >> 3, sequence: BigInt(sequence), us: BigInt(us), text: unescape(text) }
}

/** The kernel writes bytes that are not printable as \xNN. */
function unescape(text: string): string {
  return text.replace(/(?:\\x[0-9a-f]{2})+/g, (run) => Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('utf8'))
}

/** Every record that the log holds now, oldest first. Throws SyscallError when /dev/kmsg cannot be opened. */
export function readKernelLog(kernel: Kernel): KernelMessage[] {
  const fd = kernel.open('/dev/kmsg', O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  const messages: KernelMessage[] = []
  const buffer = new Uint8Array(recordBytes)
  try {
    for (;;) {
      try {
        const length = kernel.read(fd, buffer, null)
        if (length === 0) return messages
        const message = parseKmsg(Buffer.from(buffer.subarray(0, length)).toString('utf8'))
        if (message !== null) messages.push(message)
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) return messages
        if (!isErrno(error, 'EPIPE', 'EINTR')) throw error
      }
    }
  } finally {
    kernel.close(fd)
  }
}

/** A record as dmesg(1) prints it: `[    1.234567] text`, further lines indented. */
export function formatKernelMessage(message: KernelMessage): string {
  const seconds = String(message.us / 1_000_000n).padStart(5)
  const micros = String(message.us % 1_000_000n).padStart(6, '0')
  const stamp = `[${seconds}.${micros}] `
  return message.text.split('\n').join(`\n${' '.repeat(stamp.length)}`).replace(/^/, stamp)
}
