// Guests that must go red, for the tests of the harness itself. Which one: selftest=NAME on the kernel command
// line, which the kernel puts into our environment. Only PASS must be judged good.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static int openPort(void) {
  mkdir("/dev", 0755);
  mkdir("/sys", 0755);
  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  for (int attempt = 0; attempt < 200; attempt++, usleep(10000)) {
    int fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
    if (fd >= 0) return fd;
  }
  return -1;
}

static void say(int port, const char *text) { if (write(port, text, strlen(text)) < 0) perror("selftest: write"); }

static void powerOff(void) {
  reboot(RB_POWER_OFF);
  for (;;) pause();
}

int main(void) {
  const char *mode = getenv("selftest");
  if (mode == NULL) mode = "none";
  printf("selftest: %s\n", mode);
  fflush(stdout);
  int port = openPort();
  if (port < 0) { printf("selftest: no port\n"); powerOff(); }
  if (strcmp(mode, "pass") == 0) {
    say(port, "1..2\nok 1 - first\nok 2 - second\n{\"record\":\"done\",\"scriptStatus\":0}\n");
  } else if (strcmp(mode, "panic") == 0) {
    say(port, "1..1\nok 1 - before the panic\n");
    return 1;
  } else if (strcmp(mode, "hang") == 0) {
    say(port, "1..1\nok 1 - before the hang\n");
    for (;;) pause();
  } else if (strcmp(mode, "failing") == 0) {
    say(port, "1..2\nok 1 - good\nnot ok 2 - bad\n{\"record\":\"done\",\"scriptStatus\":0}\n");
  } else if (strcmp(mode, "noplan") == 0) {
    say(port, "ok 1 - good\nok 2 - and then nothing\n");
  } else if (strcmp(mode, "short") == 0) {
    say(port, "1..3\nok 1 - good\n{\"record\":\"done\",\"scriptStatus\":0}\n");
  } else if (strcmp(mode, "nodone") == 0) {
    say(port, "1..1\nok 1 - good\n");
  } else if (strcmp(mode, "badscript") == 0) {
    say(port, "1..1\nok 1 - good\n{\"record\":\"done\",\"scriptStatus\":2}\n");
  } else if (strcmp(mode, "reboot") == 0) {
    say(port, "1..1\nok 1 - good\n{\"record\":\"done\",\"scriptStatus\":0}\n");
    reboot(RB_AUTOBOOT);
  } else if (strcmp(mode, "echo") == 0) {
    char line[256];
    printf("selftest: say a word\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) line[0] = 0;
    line[strcspn(line, "\r\n")] = 0;
    printf("selftest: heard '%s'\n", line);
    fflush(stdout);
    say(port, "1..1\nok 1 - conversation\n{\"record\":\"done\",\"scriptStatus\":0}\n");
  }
  powerOff();
}
