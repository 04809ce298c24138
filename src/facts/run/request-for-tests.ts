// A request that has everything, for tests to change.

import type { Bind, RunFacts, ServiceRequest } from './run-types.ts'

export const serviceRequest: ServiceRequest = {
  kind: 'service', engine: 'auto', name: 'web', root: '/srv/web', command: ['true'], env: { PATH: '/usr/bin:/bin' }, workingDirectory: '/',
  user: { uid: 0, gid: 0, groups: [] }, binds: [], readOnly: false, capabilities: null, noNewPrivileges: false,
  limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null }, cgroupParent: null, stdio: [0, 1, 2], terminal: false,
}

/** What serviceRequest finds on a kernel that has everything. */
export const runFacts: RunFacts = {
  uid: 0,
  features: { openTreeNamespace: true, mountIntoDetached: true, procPidns: true, cloneIntoCgroup: true, idmappedMounts: true, kernelFiles: [] },
  root: { exists: true, isDirectory: true, isHostRoot: false, readOnly: false, idmappable: true, alreadyMapped: false },
  present: { '/': 'directory' }, sources: {}, hostRoot: 'mount', program: { path: '/usr/bin/true' }, resolvConf: null, cgroup2: '/sys/fs/cgroup', cgroupControllers: ['cpu', 'memory', 'pids'],
}

export const bindOf = (source: string, target: string, options: Partial<Bind> = {}): Bind => ({ source, target, readOnly: false, recursive: true, ...options })
