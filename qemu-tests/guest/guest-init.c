// The real init of the small test roots. Says over a virtio port what it inherited, runs the scenario's
// script (TAP), and powers off. Statically linked, and it trusts nothing to be mounted: the same program is
// started by the kernel directly to tell what a hand-over should look like.
//
// Channel: virtio port "org.fulcrum.tap": lines of JSON (records) and of TAP. Script: QEMU's fw_cfg file
// "opt/org.fulcrum/script", read through its I/O ports so that no driver is needed (docs/specs/fw_cfg in QEMU).
// `guest-init script` prints that script, for roots whose init is another. See reboot(2), ioperm(2).
#define _GNU_SOURCE
#include "fingerprint.h"
#include "json.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT "org.fulcrum.tap"
#define SCRIPT "opt/org.fulcrum/script"

static void mountIfMissing(const char *probe, const char *type, const char *target) {
  if (access(probe, F_OK) == 0) return;
  mkdir(target, 0755);
  if (mount(type, target, type, 0, NULL) != 0) fprintf(stderr, "guest: mount %s: %s\n", target, strerror(errno));
}

// The cloud kernel 6.1 has virtio_console as a module; the root carries it, in order, uncompressed.
static void loadModules(void) {
  struct utsname name;
  char path[512], line[256];
  uname(&name);
  snprintf(path, sizeof path, "/guest/modules/%s/order", name.release);
  FILE *order = fopen(path, "re");
  if (order == NULL) return;
  while (fgets(line, sizeof line, order) != NULL) {
    line[strcspn(line, "\n")] = 0;
    snprintf(path, sizeof path, "/guest/modules/%s/%s", name.release, line);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
      fprintf(stderr, "guest: module %s: %s\n", path, strerror(errno));
    }
    if (fd >= 0) close(fd);
  }
  fclose(order);
}

static int openPort(void) {
  for (int attempt = 0; attempt < 500; attempt++, usleep(10000)) {
    DIR *directory = opendir("/sys/class/virtio-ports");
    if (directory == NULL) continue;
    int fd = -1;
    for (struct dirent *entry; fd < 0 && (entry = readdir(directory)) != NULL;) {
      char path[512], name[128] = "";
      snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
      FILE *file = fopen(path, "re");
      if (file == NULL) continue;
      if (fgets(name, sizeof name, file) == NULL) name[0] = 0;
      fclose(file);
      name[strcspn(name, "\n")] = 0;
      if (strcmp(name, PORT) != 0) continue;
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      fd = open(path, O_RDWR | O_CLOEXEC);
    }
    closedir(directory);
    if (fd >= 0) return fd;
  }
  return -1;
}

static void writeAll(int fd, const char *text, size_t n) {
  while (n > 0) {
    ssize_t done = write(fd, text, n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    text += done;
    n -= (size_t)done;
  }
}

// fw_cfg: select a key by a 16-bit write to 0x510, then read its bytes from 0x511. Key 0x19 is the directory:
// a big-endian count, then entries of size (4), key (2), reserved (2), name (56).
static void readBytes(void *to, size_t n) { for (size_t i = 0; i < n; i++) ((unsigned char *)to)[i] = inb(0x511); }

static char *readScript(void) {
  static char script[1 << 17];
  unsigned char number[4], entry[64];
  if (ioperm(0x510, 2, 1) != 0) { fprintf(stderr, "guest: ioperm: %s\n", strerror(errno)); return NULL; }
  outw(0x19, 0x510);
  readBytes(number, 4);
  unsigned count = (unsigned)number[0] << 24 | number[1] << 16 | number[2] << 8 | number[3];
  for (unsigned i = 0; i < count && i < 1000; i++) {
    readBytes(entry, sizeof entry);
    if (strncmp((char *)entry + 8, SCRIPT, 56) != 0) continue;
    size_t size = (size_t)entry[0] << 24 | entry[1] << 16 | entry[2] << 8 | entry[3];
    if (size >= sizeof script) return NULL;
    outw((unsigned short)(entry[4] << 8 | entry[5]), 0x510);
    readBytes(script, size);
    script[size] = 0;
    return script;
  }
  return NULL;
}

// The script gets the port as standard output and the console as standard error.
static int runScript(const char *script, int port) {
  pid_t child = fork();
  if (child == 0) {
    dup2(port, 1);
    setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
    execl("/bin/busybox", "sh", "-c", script, (char *)NULL);
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(127);
  }
  int status = -1;
  for (pid_t done; (done = wait(&status)) != child;) if (done < 0 && errno != EINTR) break;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv, char **env) {
  captureEarly(argc, argv, env);
  if (getpid() != 1) {
    char *script = argc == 2 && strcmp(argv[1], "script") == 0 ? readScript() : NULL;
    if (script == NULL) return 1;
    writeAll(1, script, strlen(script));
    return 0;
  }
  int procWasMounted = access("/proc/self/stat", F_OK) == 0;
  mountIfMissing("/proc/self/stat", "proc", "/proc");
  captureFromProc(procWasMounted);
  captureWorld();
  mountIfMissing("/sys/class", "sysfs", "/sys");
  mountIfMissing("/dev/null", "devtmpfs", "/dev");
  loadModules();
  int port = openPort();
  if (port < 0) {
    fprintf(stderr, "guest: no virtio port named %s\n", PORT);
  } else {
    size_t n;
    const char *data = jsonData(&n);
    writeAll(port, data, n);
    char *script = readScript();
    int status = script == NULL ? 0 : runScript(script, port);
    jsonReset();
    jsonBegin("done");
    jsonNumber("scriptStatus", script == NULL ? -1 : status);
    jsonEnd();
    data = jsonData(&n);
    writeAll(port, data, n);
    close(port);
  }
  sync();
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
