// A process that is started from the initramfs and must still be there, and still be recognisable as coming
// from there, after the switch. Puts itself into the background, so that a hook that starts it can end.
// Its name is argv[1] if given (prctl(2), PR_SET_NAME), so that a test can find it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (fork() != 0) return 0;
  setsid();
  if (argc > 1) prctl(PR_SET_NAME, argv[1]);
  // It must not hold the console of the initramfs: that alone would keep its file system busy.
  for (int fd = 0; fd < 3; fd++) close(fd);
  for (;;) pause();
}
