// /init of an image: a static executable of 371 bytes that raises its priority and becomes /bin/fulcrum.
//
// What PID 1 waits for right after boot is the CPU: threads of the kernel run that nobody waits for. So it has nice
// -20 from its first instruction. The boot sees to it that what it starts has nice 0, and the hand-over gives the
// real init nice 0 (src/boot/hand-over.ts). Only process 1 does this; argv and environment stay what they are.
// x86-64, as the executable that it becomes.  setpriority(2), execve(2); docs/image.md

import { staticExecutable } from '../../src/facts/static-executable.ts'

/** init-stub.S beside this file, assembled. */
const CODE =
  '4889e36a27580f05ffc8750e31ff31f66aec5ab88d0000000f05488b0b488d7308488d54cb10488d3d5d0000006a3b580f05' +
  'f7d889c56a0a594883ec10488d742408c6060a6a035f31d2f7f180c23048ffce8816ffcf75f04889f3488d3535000000682c' +
  '0000005ae8140000004889de6a045ae80900000089efb8e70000000f056a025f6a01580f05c32f62696e2f66756c6372756d' +
  '002f696e69743a2043616e6e6f74206578656375746520272f62696e2f66756c6372756d273a206572726e6f20'

/** What the image has at /init. */
export function initStub(): Uint8Array {
  return staticExecutable(Buffer.from(CODE, 'hex'))
}
