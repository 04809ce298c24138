// The main of the executable: runs the program, which is an asset.
// Its code cache has the functions that a boot calls, compiled (program-asset.ts), which that of a main cannot have.
// docs/binary.md

import { loadAsset } from './load-asset.ts'
import { PROGRAM_ASSET, PROGRAM_CACHE_ASSET } from './program-asset.ts'

loadAsset(PROGRAM_ASSET, PROGRAM_CACHE_ASSET)
