// Devices at boot: what the rest of src/boot and the commands use of this folder.
//
// Modules and devices are one story: a module makes devices appear, a device asks for modules, and the
// root is found somewhere along that chain. See waitForRoot for how it goes.

export { registerBtrfsMembers } from './btrfs-members.ts'
export { coldplug } from './coldplug.ts'
export { ensureNode } from './device-reader.ts'
export { scanDevices } from './device-scanner.ts'
export { loadFilesystem, mountTypes } from './load-filesystem.ts'
export { createModuleLoader, type ModuleLoader, type ModuleTrace } from './module-loader.ts'
export { waitForRoot, type RootWait, type WaitOptions } from './wait-for-root.ts'
