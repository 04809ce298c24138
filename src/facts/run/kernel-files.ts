// The files of /proc and /sys that a container gets read-only or not at all, as far as this kernel has them.
//
// They tell of the machine or change it, whoever's namespaces one is in. The same set as of other container runtimes
// (docs/containers.md). Which of them there are is a matter of the kernel's configuration, not of the container.

import { S_IFDIR, S_IFMT } from '../../abi/process.ts'
import type { FileCalls } from '../../kernel/kernel.ts'

/** 'masked': empty and read-only; 'read-only': to be looked at. */
export interface KernelFile {
  readonly path: string
  readonly type: 'directory' | 'file'
  readonly treatment: 'masked' | 'read-only'
}

/** Empty for a container. */
export const MASKED: readonly string[] = [
  '/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/key-users', '/proc/kmsg', '/proc/latency_stats', '/proc/sched_debug',
  '/proc/scsi', '/proc/timer_list', '/proc/timer_stats', '/sys/dev/block', '/sys/devices/virtual/powercap', '/sys/firmware',
]
/** Read-only for a container. */
export const READ_ONLY: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Looks at this process's /proc and /sys, which have to be mounted. */
export function readKernelFiles(kernel: Pick<FileCalls, 'exists' | 'lstat'>): KernelFile[] {
  const look = (path: string, treatment: KernelFile['treatment']): KernelFile[] => {
    if (!kernel.exists(path)) return []
    return [{ path, treatment, type: (kernel.lstat(path).mode & S_IFMT) === S_IFDIR ? 'directory' : 'file' }]
  }
  return [...MASKED.flatMap((path) => look(path, 'masked')), ...READ_ONLY.flatMap((path) => look(path, 'read-only'))]
}
