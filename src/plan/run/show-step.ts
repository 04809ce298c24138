// A host step in one line, for --dry-run, traces and errors.
//
// Pure. Each line begins with the system call that matters, as strace(1) prints it.

import { mountFlagsToString } from '../../abi/mount.ts'
import { MOUNT_ATTR_FLAGS, nameFlags, OPEN_FLAGS, OPEN_TREE_FLAGS } from './flag-text.ts'
import type { Handle, HostStep, TreeNode } from './run-plan.ts'

function showNode(node: TreeNode, tree: Handle, path: string): string {
  const where = `${tree.handle}, ${JSON.stringify(path)}`
  switch (node.type) {
    case 'directory': return `mkdirat(${where}, 0${node.mode.toString(8)})`
    case 'file': return `mknodat(${where}, S_IFREG|0${node.mode.toString(8)})`
    case 'symlink': return `symlinkat(${JSON.stringify(node.to)}, ${where})`
    case 'character-device': return `mknodat(${where}, S_IFCHR|0${node.mode.toString(8)}, makedev(${node.major}, ${node.minor}))`
  }
}

/** For instance 'open_tree("/srv", OPEN_TREE_CLONE) = tree'. */
export function showStep(step: HostStep): string {
  switch (step.op) {
    case 'open-tree': return `open_tree(${typeof step.from === 'string' ? JSON.stringify(step.from) : step.from.handle}, ${nameFlags(step.flags, OPEN_TREE_FLAGS)}) = ${step.as}`
    case 'set-attributes': {
      const idmap = step.userNamespace === null ? '' : `, userns=${step.userNamespace.handle}`
      const change = `{set=${nameFlags(step.set, MOUNT_ATTR_FLAGS)}, clr=${nameFlags(step.clear, MOUNT_ATTR_FLAGS)}, propagation=${mountFlagsToString(step.propagation)}${idmap}}`
      return `mount_setattr(${step.tree.handle}, ${step.recursive ? 'AT_RECURSIVE' : '0'}, ${change})`
    }
    case 'new-mount': {
      const options = step.options.map(([key, value]) => (value === null ? key : `${key}=${typeof value === 'string' ? value : value.handle}`))
      return `fsmount(${JSON.stringify(step.fstype)}, ${JSON.stringify(options.join(','))}, ${nameFlags(step.attributes, MOUNT_ATTR_FLAGS)}) = ${step.as}`
    }
    case 'attach': return `move_mount(${step.mount.handle}, ${step.tree.handle}, ${JSON.stringify(step.path)})`
    case 'open': return `openat(${step.at === undefined ? 'AT_FDCWD' : step.at.handle}, ${JSON.stringify(step.path)}, ${nameFlags(step.flags, OPEN_FLAGS)}) = ${step.as}`
    case 'ensure-directory': return `mkdir(${JSON.stringify(step.path)}, 0${step.mode.toString(8)})`
    case 'cgroup': return [`mkdir(${JSON.stringify(step.path)}) = ${step.as}`, ...step.files.map(([name, text]) => `${name}: ${text}`)].join('; ')
    case 'user-namespace': return `clone(CLONE_NEWUSER) = ${step.as}; uid_map: ${step.uidMap.trim()}; gid_map: ${step.gidMap.trim()}`
    case 'template-namespace': return `open("/proc/PID/ns/mnt" of the kept small namespace) = ${step.as}`
    case 'init-program': return `memfd_create("init") = ${step.as}`
    case 'terminal': return `open(${step.devpts === null ? '"/dev/ptmx"' : `${step.devpts.handle}, "ptmx"`}) = ${step.master}; ioctl(${step.master}, TIOCGPTPEER) = ${step.peer}`
    case 'make-node': return showNode(step.node, step.tree, step.path)
  }
}
