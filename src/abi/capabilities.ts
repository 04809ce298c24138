// Capabilities by name and number.
//
// Pure data: include/uapi/linux/capability.h, capabilities(7). The position is the number.

/** Without CAP_, in lower case. */
export const CAPABILITY_NAMES = [
  'chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap', 'linux_immutable',
  'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw', 'ipc_lock', 'ipc_owner', 'sys_module', 'sys_rawio', 'sys_chroot',
  'sys_ptrace', 'sys_pacct', 'sys_admin', 'sys_boot', 'sys_nice', 'sys_resource', 'sys_time', 'sys_tty_config', 'mknod', 'lease',
  'audit_write', 'audit_control', 'setfcap', 'mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read',
  'perfmon', 'bpf', 'checkpoint_restore',
] as const

/**
 * The number of 'CAP_SYS_ADMIN', 'cap_sys_admin', 'sys_admin' or '21'; undefined for anything else. Numbers go up to
 * 63, the width of the kernel's masks, so that a capability newer than this table can be named.
 */
export function capabilityNumber(name: string): number | undefined {
  if (/^\d{1,2}$/.test(name)) return Number(name) < 64 ? Number(name) : undefined
  const bare = name.toLowerCase().replace(/^cap_/, '')
  const at = CAPABILITY_NAMES.findIndex((known) => known === bare)
  return at < 0 ? undefined : at
}

/** A list with commas, as -d takes it: the numbers, or the first name that is none. */
export function parseCapabilities(list: string): { readonly numbers: readonly number[]; readonly unknown: string | null } {
  const numbers: number[] = []
  for (const name of list.split(',').filter((part) => part !== '')) {
    const number = capabilityNumber(name)
    if (number === undefined) return { numbers, unknown: name }
    numbers.push(number)
  }
  return { numbers, unknown: null }
}
