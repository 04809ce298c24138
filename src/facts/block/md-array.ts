// What is missing of an md array that runs. Pure: from what sysfs says of it.
//
// Documentation/admin-guide/md.rst (raid_disks, dev-NAME/slot), mdadm(8).

export interface ArrayFacts {
  readonly path: string
  /** 'raid1'. */
  readonly level: string
  /** How many members it has when it is whole. */
  readonly disks: number
  /** What it has: 'slot' is a number, or 'none' for a spare. */
  readonly slots: readonly { readonly device: string; readonly slot: string }[]
}

/** Lines for a person about an array that lacks members; empty for one that is whole. */
export function describeArray({ path, level, disks, slots }: ArrayFacts): string[] {
  const members = slots.filter(({ slot }) => /^\d+$/.test(slot))
  const missing = Array.from({ length: disks }, (_, slot) => String(slot)).filter((slot) => !members.some((member) => member.slot === slot))
  if (missing.length === 0) return []
  const there = members.map(({ device, slot }) => `${device} (${slot})`).sort().join(', ')
  const which = `${missing.length === 1 ? 'member' : 'members'} ${missing.join(', ')}`
  return [`${path} (${level}) runs degraded: ${which} of 0 to ${disks - 1} ${missing.length === 1 ? 'is' : 'are'} missing, there is ${there}; 'mdadm ${path} --re-add DEVICE' makes it whole again`]
}
