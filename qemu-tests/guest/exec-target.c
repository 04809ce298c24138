// A program that waits in one of many ways, for the test of Kernel.execInProcess: it is made to exec while it does,
// or is disturbed by an attempt that fails. Prints "ready", and when the wait is over its result and errno, and
// whether it lasted. clock_nanosleep(2), ppoll(2), rt_sigtimedwait(2), epoll_wait(2).
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 700

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void *idle(void *unused) {
  for (;;) pause();
  return unused;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  struct timespec wait = {.tv_nsec = WAIT_MS * 1000000L};
  sigset_t usr2;
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  sigprocmask(SIG_BLOCK, &usr2, NULL);
  pthread_t thread;
  if (strcmp(mode, "threads") == 0)
    for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, idle, NULL);
  puts("ready");
  fflush(stdout);
  double start = now();
  long result = -2;
  errno = 0;
  char byte;
  if (strcmp(mode, "spin") == 0) {
    // Its sum says whether a register was lost on the way.
    unsigned long n = 0, sum = 0, mirror = 0;
    while (n % 1024 != 0 || now() - start < WAIT_MS) n++, sum += n * n, mirror ^= sum, mirror ^= sum;
    result = (long)mirror;
  } else if (strcmp(mode, "nanosleep") == 0 || strcmp(mode, "threads") == 0) {
    result = clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
  } else if (strcmp(mode, "poll") == 0) {
    result = poll(NULL, 0, WAIT_MS);
  } else if (strcmp(mode, "ppoll") == 0) {
    sigset_t all;
    sigfillset(&all);
    result = ppoll(NULL, 0, &wait, &all);
  } else if (strcmp(mode, "sigtimedwait") == 0) {
    result = sigtimedwait(&usr2, NULL, &wait);
  } else if (strcmp(mode, "epoll") == 0) {
    struct epoll_event event;
    result = epoll_wait(epoll_create1(0), &event, 1, WAIT_MS);
  } else if (strcmp(mode, "read") == 0) {
    result = read(0, &byte, 1);
  }
  printf("%s %ld %d %s\n", mode, result, result == -1 ? errno : 0, now() - start >= WAIT_MS ? "lasted" : "short");
  return 0;
}
