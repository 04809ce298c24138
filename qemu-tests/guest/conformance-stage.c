// Runs one conformance scenario: a switch_root, run-init or pivot_root as PID 1 of a fresh PID namespace, on an
// initramfs-like root of its own, and prints one line of JSON that says what became of it.
//
//   conformance-stage --id ID --kit DIRECTORY --program NAME [options] -- PATH ARGV0 ARGUMENT…
//
// PATH is looked up in the old root, where DIRECTORY is bound on /kit. The stage stays outside of the PID namespace,
// so that it sees everything of the tool through the outer /proc, and changes nothing that the tool is handed.
// pid_namespaces(7), mount_namespaces(7), pty(7).
#define _GNU_SOURCE
#include "conformance.h"
#include "json.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 10
#define IDLE_POLLS 30
#define SETTLE_MS 5
#define SETTLE_POLLS 800
#define TEXT (1 << 15)

static struct stage stage = {.cwd = "/", .rootType = "tmpfs", .scratch = "/conformance", .umask = 022, .limitMs = 20000};
static char *const *command;

static long nowMs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void readOptions(int argc, char **argv) {
  int i = 1;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(name, "--not-pid1") == 0) { stage.notPid1 = 1; continue; }
    if (strcmp(name, "--shared") == 0) { stage.shared = 1; continue; }
    if (strcmp(name, "--terminal") == 0) { stage.terminal = 1; continue; }
    if (strcmp(name, "--no-proc") == 0) { stage.noProc = 1; continue; }
    if (strcmp(name, "--no-console") == 0) { stage.noConsole = 1; continue; }
    if (strcmp(name, "--no-env") == 0) { stage.noEnv = 1; continue; }
    i++;
    if (strcmp(name, "--id") == 0) stage.id = value;
    else if (strcmp(name, "--kit") == 0) stage.kit = value;
    else if (strcmp(name, "--program") == 0) stage.program = value;
    else if (strcmp(name, "--setup") == 0) stage.setup = value;
    else if (strcmp(name, "--cwd") == 0) stage.cwd = value;
    else if (strcmp(name, "--chroot") == 0) stage.chroot = value;
    else if (strcmp(name, "--scratch") == 0) stage.scratch = value;
    else if (strcmp(name, "--root") == 0) stage.rootType = value;
    else if (strcmp(name, "--umask") == 0) stage.umask = strtol(value, NULL, 8);
    else if (strcmp(name, "--limit") == 0) stage.limitMs = atol(value);
    else if (strcmp(name, "--env") == 0 && stage.envCount < 60) stage.env[stage.envCount++] = value;
    else if (strcmp(name, "--ignore") == 0 && stage.ignoredCount < 16) stage.ignored[stage.ignoredCount++] = atoi(value);
    else if (strcmp(name, "--block") == 0 && stage.blockedCount < 16) stage.blocked[stage.blockedCount++] = atoi(value);
    else if (strcmp(name, "--descriptor") == 0 && stage.extraCount < 16) stage.extra[stage.extraCount++] = atoi(value);
    else { fprintf(stderr, "stage: option %s\n", name); exit(125); }
  }
  command = argv + i + 1;
  if (stage.id == NULL || stage.kit == NULL || stage.program == NULL || argc - i < 3) { fprintf(stderr, "stage: usage\n"); exit(125); }
}

// High numbers, so that the tool's 0 to 99 are those that the scenario gave it.
static int high(int fd) {
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, 100);
  if (moved < 0) die("descriptor");
  close(fd);
  return moved;
}

static void become(int in, int out, int err, int ready, int go) {
  char byte = 0;
  // With this PID 1 everything in its namespace ends.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();
  if (finishRoots(&stage) != 0) { fprintf(stderr, "stage: %s: setup failed: %s\n", stage.id, strerror(errno)); _exit(125); }
  if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1) _exit(125);
  if (stage.terminal) ioctl(in, TIOCSCTTY, 0);
  if (stage.notPid1) {
    pid_t child = fork();
    if (child != 0) {
      int status = 0;
      waitpid(child, &status, 0);
      // What it stands on afterwards is looked at, so this stays.
      if (write(ready, &status, sizeof status) != sizeof status) _exit(125);
      for (;;) pause();
    }
  }
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  for (int i = 0; i < stage.extraCount; i++) {
    int fd = high(open("/etc/initrd-release", O_RDONLY | O_CLOEXEC));
    dup2(fd, stage.extra[i]);
  }
  for (int i = 0; i < stage.ignoredCount; i++) signal(stage.ignored[i], SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int i = 0; i < stage.blockedCount; i++) sigaddset(&blocked, stage.blocked[i]);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  umask((mode_t)stage.umask);
  if (stage.chroot != NULL && chroot(stage.chroot) != 0) die(stage.chroot);
  if (chdir(stage.cwd) != 0) die(stage.cwd);
  execve(command[0], command + 1, (char *const *)stage.env);
  die(command[0]);
}

static int listenFor(const char *id) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", id);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) != 0 || listen(fd, 4) != 0) die("socket");
  return fd;
}

struct text { char bytes[TEXT]; size_t used; int fd; };
static struct text output, errors, console;

static void drain(struct text *text) {
  char rest[512];
  for (;;) {
    int isFull = text->used >= TEXT;
    ssize_t n = read(text->fd, isFull ? rest : text->bytes + text->used, isFull ? sizeof rest : TEXT - text->used);
    if (n <= 0) return;
    if (!isFull) text->used += (size_t)n;
  }
}

static int nonblocking(int fd) { fcntl(fd, F_SETFL, O_NONBLOCK); return fd; }

static void newPipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) die("pipe");
  ends[0] = high(ends[0]);
  ends[1] = high(ends[1]);
}

static int newTerminal(char *name, size_t size) {
  int master = high(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (unlockpt(master) != 0 || ptsname_r(master, name, size) != 0) die("pty");
  return nonblocking(master);
}

int main(int argc, char **argv) {
  readOptions(argc, argv);
  close_range(3, ~0U, 0);
  // As qemu-tests/conformance/scenario.ts has it.
  static const char *const environment[] = {"PATH=/bin:/sbin", "TERM=linux", "KEY=a value=1"};
  if (stage.envCount == 0 && !stage.noEnv) for (size_t i = 0; i < 3; i++) stage.env[stage.envCount++] = environment[i];
  int report = high(dup(1)), proc = high(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int in = high(open("/dev/null", O_RDWR | O_CLOEXEC)), out[2], err[2], ready[2], go[2], old, fresh, keep;
  int hello = high(listenFor(stage.id));
  newPipe(ready);
  newPipe(go);
  char name[64];
  console.fd = newTerminal(name, sizeof name);
  // Open as long as this lives, or the other side would be at its end now and then.
  int kept = high(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  stage.console = stage.noConsole ? NULL : strdup(name);
  newPipe(out);
  newPipe(err);
  if (stage.terminal) {
    output.fd = newTerminal(name, sizeof name);
    in = out[1] = err[1] = high(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    out[0] = output.fd;
  }
  if (kept < 0) die("console");
  output.fd = nonblocking(out[0]);
  errors.fd = nonblocking(err[0]);
  makeRoots(&stage, &old, &fresh, &keep);
  old = high(old);
  fresh = high(fresh);
  keep = high(keep);
  pid_t child = fork();
  if (child == 0) become(in, out[1], err[1], ready[1], go[0]);
  close(ready[1]);
  char byte;
  if (child < 0 || read(ready[0], &byte, 1) != 1) { fprintf(stderr, "stage: %s was not set up\n", stage.id); return 125; }
  int mountinfo = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (mountinfo < 0) die("mountinfo");
  jsonBegin("conformance");
  jsonText("id", stage.id);
  observeMounts("mountsBefore", mountinfo);
  observeBounding(proc);
  long start = nowMs(), end = start + stage.limitMs;
  unsigned long ticks = 0;
  int idle = 0, status = 0, connection = -1;
  const char *how = NULL;
  if (write(go[1], &byte, 1) != 1) die("go");
  while (how == NULL) {
    struct pollfd wait = {.fd = hello, .events = POLLIN};
    poll(&wait, 1, POLL_MS);
    drain(&output);
    drain(&errors);
    drain(&console);
    if ((connection = accept4(hello, NULL, NULL, SOCK_CLOEXEC)) >= 0) how = "init";
    else if (stage.notPid1 && read(nonblocking(ready[0]), &status, sizeof status) == sizeof status) how = WIFEXITED(status) ? "exit" : "signal";
    else if (waitpid(child, &status, WNOHANG) == child) how = WIFEXITED(status) ? "exit" : "signal";
    else if ((idle = isIdle(proc, child, &ticks) ? idle + 1 : 0) >= IDLE_POLLS && !stage.notPid1) how = "waits";
    else if (nowMs() > end) how = "limit";
  }
  jsonText("end", how);
  jsonNumber("status", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  jsonNumber("ms", nowMs() - start);
  jsonNumber("filesAtEnd", countFiles(old));
  struct ucred peer = {.pid = child};
  socklen_t size = sizeof peer;
  if (connection >= 0) getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  observeOthers(proc, peer.pid);
  if (connection >= 0) {
    observeProcess(proc, peer.pid);
    jsonNumber("isChild", peer.pid != child);
  }
  observeMounts("mountsAfter", mountinfo);
  if (stage.notPid1 && connection < 0) observeProcess(proc, child);
  // What goes on in the background has this long to come to its end.
  for (int i = 0, quiet = 0, before = -1, now; i < SETTLE_POLLS && quiet < 3 && strcmp(how, "init") == 0; i++, before = now) {
    now = countFiles(old);
    quiet = now == before && !isWorking(proc, peer.pid) ? quiet + 1 : 0;
    usleep(SETTLE_MS * 1000);
  }
  observeTree("oldTree", old);
  observeTree("newTree", fresh);
  observeTree("keepTree", keep);
  if (connection >= 0) close(connection);
  kill(child, SIGKILL);
  if (stage.notPid1 || (strcmp(how, "exit") != 0 && strcmp(how, "signal") != 0)) waitpid(child, &status, 0);
  drain(&output);
  drain(&errors);
  drain(&console);
  jsonBytes("console", console.bytes, console.used);
  jsonBytes("out", output.bytes, output.used);
  jsonBytes("err", errors.bytes, errors.used);
  jsonEnd();
  size_t length;
  const char *data = jsonData(&length);
  for (ssize_t n; length > 0 && (n = write(report, data, length)) > 0; data += n) length -= (size_t)n;
  return 0;
}
