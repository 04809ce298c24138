// ioctl numbers of a watchdog device, verbatim.
//
// Source: include/uapi/linux/watchdog.h, Documentation/watchdog/watchdog-api.rst.

/** Feeds it. */
export const WDIOC_KEEPALIVE = 0x80045705
/** Its time-out in seconds, as an int. */
export const WDIOC_GETTIMEOUT = 0x80045707
