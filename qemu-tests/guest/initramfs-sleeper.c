// A process that is started from the initramfs and must still be there, and still be recognisable as coming
// from there, after the switch. Goes to the background, so that the hook that starts it ends.
// Installed a second time as a hook, it starts the one in /bin, whose path is what tests look for.
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc > 0 && strstr(argv[0], "/hooks/") != NULL) {
    execl("/bin/initramfs-sleeper", "initramfs-sleeper", (char *)NULL);
    return 1;
  }
  if (fork() != 0) return 0;
  setsid();
  // It must not hold the console of the initramfs: that alone would keep its file system busy.
  for (int fd = 0; fd < 3; fd++) close(fd);
  for (;;) pause();
}
