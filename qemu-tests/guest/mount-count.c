// Prints how many mounts the namespace has, hidden ones included, or nothing where the kernel cannot say (before 6.12).
// See ioctl_nsfs(2): NS_MNT_GET_INFO.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct info { uint32_t size, mounts; uint64_t id; };
#define GET_INFO _IOR(0xb7, 10, struct info)

int main(void) {
  struct info info = { sizeof info, 0, 0 };
  int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && ioctl(fd, GET_INFO, &info) == 0) printf("%u\n", info.mounts);
  return 0;
}
