// Reading an entry of the registry: what is in the file is believed only if it has the right shape.
//
// Another version may have written it, or a crash of the machine cut it off; such a file is no entry. Pure.

import * as v from 'valibot'

const mark = v.nullable(v.object({ pid: v.number(), startTicks: v.number() }))
const ranges = v.array(v.object({ inside: v.number(), outside: v.number(), count: v.number() }))

const schema = v.object({
  version: v.literal(1),
  name: v.string(),
  kind: v.picklist(['service', 'container']),
  root: v.string(),
  command: v.array(v.string()),
  process: mark,
  supervisor: mark,
  pidNamespace: v.string(),
  cgroup: v.nullable(v.string()),
  since: v.number(),
  user: v.object({ uid: v.number(), gid: v.number(), groups: v.array(v.number()) }),
  idMap: v.nullable(v.object({ uids: ranges, gids: ranges })),
  capabilities: v.nullable(v.array(v.string())),
  noNewPrivileges: v.boolean(),
  init: v.boolean(),
  terminal: v.boolean(),
  plan: v.string(),
  binds: v.array(v.object({ source: v.string(), target: v.string(), readOnly: v.boolean(), recursive: v.boolean(), idMapped: v.exactOptional(v.boolean()) })),
})

/** The entry that this text is, or null. */
export function parseEntry(text: string): v.InferOutput<typeof schema> | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const parsed = v.safeParse(schema, value)
  return parsed.success ? parsed.output : null
}
