// Captures the hand-over fingerprint, see fingerprint.h. Sources: fcntl(2), getrlimit(2), prctl(2), proc(5),
// termios(3), getauxval(3). Numbers that are masks or flags are written as hexadecimal strings.
#define _GNU_SOURCE
#include "fingerprint.h"
#include "json.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#define DESCRIPTORS 1024
static struct { int open, flags, cloexec; struct stat status; } descriptor[DESCRIPTORS];
static struct { int isTty; struct termios termios; struct winsize size; int group; } terminal[3];
static struct rlimit limit[RLIM_NLIMITS];
static struct itimerval timer[3];
static struct { int pid, ppid, sid, pgid, mask, nice, policy, priority, pdeathsig, subreaper, dumpable, keepcaps,
  securebits, thpDisable, noNewPrivs, mceKill, timerslack; long ioprio; unsigned long personality; } self;
static sigset_t pending;
static char **arguments, **environment;

void captureEarly(int argc, char **argv, char **env) {
  (void)argc;
  arguments = argv;
  environment = env;
  for (int fd = 0; fd < DESCRIPTORS; fd++) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) continue;
    descriptor[fd].open = 1;
    descriptor[fd].flags = flags;
    descriptor[fd].cloexec = fcntl(fd, F_GETFD) & FD_CLOEXEC ? 1 : 0;
    fstat(fd, &descriptor[fd].status);
  }
  for (int fd = 0; fd < 3; fd++) {
    terminal[fd].isTty = tcgetattr(fd, &terminal[fd].termios) == 0;
    if (!terminal[fd].isTty) continue;
    ioctl(fd, TIOCGWINSZ, &terminal[fd].size);
    terminal[fd].group = tcgetpgrp(fd);
  }
  for (int i = 0; i < (int)RLIM_NLIMITS; i++) getrlimit(i, &limit[i]);
  for (int i = 0; i < 3; i++) getitimer(i, &timer[i]);
  self.mask = (int)umask(0);
  umask((mode_t)self.mask);
  self.pid = getpid();
  self.ppid = getppid();
  self.sid = getsid(0);
  self.pgid = getpgid(0);
  self.nice = getpriority(PRIO_PROCESS, 0);
  self.policy = sched_getscheduler(0);
  struct sched_param parameter = {0};
  sched_getparam(0, &parameter);
  self.priority = parameter.sched_priority;
  self.ioprio = syscall(SYS_ioprio_get, 1, 0);
  prctl(PR_GET_PDEATHSIG, &self.pdeathsig);
  prctl(PR_GET_CHILD_SUBREAPER, &self.subreaper);
  self.dumpable = prctl(PR_GET_DUMPABLE);
  self.keepcaps = prctl(PR_GET_KEEPCAPS);
  self.securebits = prctl(PR_GET_SECUREBITS);
  self.thpDisable = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
  self.noNewPrivs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  self.mceKill = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
  self.timerslack = prctl(PR_GET_TIMERSLACK);
  self.personality = (unsigned long)syscall(SYS_personality, 0xffffffffUL);
  sigpending(&pending);
}

static size_t readAll(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) { text[0] = 0; return 0; }
  size_t n = 0;
  for (ssize_t got; n + 1 < size && (got = read(fd, text + n, size - 1 - n)) > 0;) n += (size_t)got;
  close(fd);
  text[n] = 0;
  return n;
}

static void textOfFile(const char *key, const char *path) {
  char text[4096];
  size_t n = readAll(path, text, sizeof text);
  while (n > 0 && text[n - 1] == '\n') text[--n] = 0;
  jsonText(key, access(path, F_OK) == 0 ? text : NULL);
}

static void textOfLink(const char *key, const char *path) {
  char text[4096];
  ssize_t n = readlink(path, text, sizeof text - 1);
  if (n < 0) { jsonText(key, NULL); return; }
  text[n] = 0;
  jsonText(key, text);
}

static void writeDescriptors(void) {
  for (int fd = 0; fd < DESCRIPTORS; fd++) {
    if (!descriptor[fd].open) continue;
    char path[64];
    struct stat *status = &descriptor[fd].status;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    jsonBegin("fd");
    jsonNumber("fd", fd);
    jsonHex("flags", (unsigned)descriptor[fd].flags);
    jsonNumber("cloexec", descriptor[fd].cloexec);
    jsonHex("mode", status->st_mode);
    char device[32];
    snprintf(device, sizeof device, "%u:%u", major(status->st_rdev), minor(status->st_rdev));
    jsonText("rdev", device);
    snprintf(device, sizeof device, "%u:%u", major(status->st_dev), minor(status->st_dev));
    jsonText("dev", device);
    textOfLink("target", path);
    jsonEnd();
  }
  for (int fd = 0; fd < 3; fd++) {
    if (!terminal[fd].isTty) continue;
    struct termios *t = &terminal[fd].termios;
    jsonBegin("termios");
    jsonNumber("fd", fd);
    jsonHex("iflag", t->c_iflag);
    jsonHex("oflag", t->c_oflag);
    jsonHex("cflag", t->c_cflag);
    jsonHex("lflag", t->c_lflag);
    char keys[3 * NCCS + 1] = "";
    for (int i = 0; i < NCCS; i++) snprintf(keys + 2 * i, 3, "%02x", t->c_cc[i]);
    jsonText("cc", keys);
    jsonNumber("rows", terminal[fd].size.ws_row);
    jsonNumber("columns", terminal[fd].size.ws_col);
    jsonNumber("foregroundGroup", terminal[fd].group);
    jsonEnd();
  }
}

static void writeSelf(void) {
  jsonBegin("process");
  jsonNumber("pid", self.pid);
  jsonNumber("ppid", self.ppid);
  jsonNumber("sid", self.sid);
  jsonNumber("pgid", self.pgid);
  jsonHex("umask", (unsigned)self.mask);
  jsonNumber("nice", self.nice);
  jsonNumber("policy", self.policy);
  jsonNumber("priority", self.priority);
  jsonNumber("ioprio", self.ioprio);
  jsonNumber("pdeathsig", self.pdeathsig);
  jsonNumber("subreaper", self.subreaper);
  jsonNumber("dumpable", self.dumpable);
  jsonNumber("keepcaps", self.keepcaps);
  jsonHex("securebits", (unsigned)self.securebits);
  jsonNumber("thpDisable", self.thpDisable);
  jsonNumber("noNewPrivs", self.noNewPrivs);
  jsonNumber("mceKill", self.mceKill);
  jsonNumber("timerslack", self.timerslack);
  jsonHex("personality", self.personality);
  unsigned long long mask = 0;
  for (int i = 1; i < 65; i++) if (sigismember(&pending, i) == 1) mask |= 1ULL << (i - 1);
  jsonHex("pending", mask);
  const char *timers[] = {"itimerReal", "itimerVirtual", "itimerProf"};
  for (int i = 0; i < 3; i++) {
    jsonNumber(timers[i], timer[i].it_value.tv_sec * 1000000LL + timer[i].it_value.tv_usec);
  }
  const char *name = (const char *)getauxval(AT_EXECFN);
  jsonText("execfn", name);
  jsonNumber("secure", (long long)getauxval(AT_SECURE));
  char cwd[4096];
  jsonText("cwd", getcwd(cwd, sizeof cwd));
  textOfLink("root", "/proc/self/root");
  textOfLink("exe", "/proc/self/exe");
  textOfFile("comm", "/proc/self/comm");
  textOfFile("oomScoreAdj", "/proc/self/oom_score_adj");
  textOfFile("coredumpFilter", "/proc/self/coredump_filter");
  textOfFile("loginuid", "/proc/self/loginuid");
  textOfFile("sessionid", "/proc/self/sessionid");
  textOfFile("cgroup", "/proc/self/cgroup");
  textOfFile("posixTimers", "/proc/self/timers");
  textOfFile("locks", "/proc/locks");
  textOfFile("printk", "/proc/sys/kernel/printk");
  textOfFile("modprobe", "/proc/sys/kernel/modprobe");
  textOfFile("corePattern", "/proc/sys/kernel/core_pattern");
  textOfFile("ctrlAltDel", "/proc/sys/kernel/ctrl-alt-del");
  int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  jsonNumber("controllingTerminal", tty >= 0);
  if (tty >= 0) close(tty);
  const char *spaces[] = {"cgroup", "ipc", "net", "pid", "time", "user", "uts"};
  for (int i = 0; i < 7; i++) {
    char path[64], key[32];
    snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
    snprintf(key, sizeof key, "ns.%s", spaces[i]);
    textOfLink(key, path);
  }
  jsonEnd();
  jsonBegin("argv");
  jsonListBegin("values");
  for (char **argument = arguments; *argument != NULL; argument++) jsonListText(*argument);
  jsonListEnd();
  jsonEnd();
  jsonBegin("environment");
  jsonListBegin("values");
  for (char **variable = environment; *variable != NULL; variable++) jsonListText(*variable);
  jsonListEnd();
  jsonEnd();
}

static void writeLimits(void) {
  static const char *const names[] = {"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as",
    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
  jsonBegin("limits");
  for (int i = 0; i < (int)RLIM_NLIMITS && i < 16; i++) {
    char text[64];
    snprintf(text, sizeof text, "%lld:%lld", (long long)limit[i].rlim_cur, (long long)limit[i].rlim_max);
    jsonText(names[i], text);
  }
  jsonEnd();
}

// Lines of /proc/self/status that describe state which survives execve. Sizes, counters and TIDs do not.
static void writeStatus(void) {
  static const char *const wanted[] = {"Umask", "Uid", "Gid", "Groups", "NSpid", "Threads", "SigQ", "SigPnd", "ShdPnd", "SigBlk",
    "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
    "Cpus_allowed", "Mems_allowed", "THP_enabled", "Speculation_Store_Bypass", "SpeculationIndirectBranch",
    "untag_mask", "x86_Thread_features", "x86_Thread_features_locked", "CoreDumping", "TracerPid"};
  char text[16384];
  readAll("/proc/self/status", text, sizeof text);
  jsonBegin("status");
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char *colon = strchr(line, ':');
    if (colon == NULL) continue;
    *colon++ = 0;
    while (*colon == '\t' || *colon == ' ') colon++;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) if (strcmp(line, wanted[i]) == 0) jsonText(line, colon);
  }
  jsonEnd();
}

void captureFromProc(int procWasMounted) {
  writeDescriptors();
  writeSelf();
  writeLimits();
  writeStatus();
  jsonBegin("found");
  jsonNumber("procWasMounted", procWasMounted);
  textOfFile("release", "/proc/sys/kernel/osrelease");
  textOfFile("cmdline", "/proc/cmdline");
  jsonEnd();
}

static void writeProcess(const char *pid) {
  char path[300], text[4096];
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  if (readAll(path, text, sizeof text) == 0) return;
  char *end = strrchr(text, ')'), state;
  int parent;
  unsigned long flags;
  if (end == NULL || sscanf(end + 2, "%c %d %*d %*d %*d %*d %lu", &state, &parent, &flags) != 3) return;
  if (flags & 0x00200000) return; // PF_KTHREAD, include/linux/sched.h
  jsonBegin("task");
  jsonNumber("pid", atoi(pid));
  jsonNumber("ppid", parent);
  char name[] = {state, 0};
  jsonText("state", name);
  snprintf(path, sizeof path, "/proc/%s/comm", pid);
  textOfFile("comm", path);
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  textOfLink("exe", path);
  struct stat status;
  if (stat(path, &status) == 0) {
    snprintf(text, sizeof text, "%u:%u", major(status.st_dev), minor(status.st_dev));
    jsonText("exeDev", text);
  }
  snprintf(path, sizeof path, "/proc/%s/root", pid);
  textOfLink("root", path);
  snprintf(path, sizeof path, "/proc/%s/cwd", pid);
  textOfLink("cwd", path);
  snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
  size_t n = readAll(path, text, sizeof text);
  jsonBytes("cmdline", text, n);
  jsonEnd();
}

void captureWorld(void) {
  static char text[1 << 18];
  readAll("/proc/self/mountinfo", text, sizeof text);
  jsonBegin("mountinfo");
  jsonListBegin("lines");
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n")) != NULL;) if (*line != 0) jsonListText(line);
  jsonListEnd();
  jsonEnd();
  jsonBegin("memory");
  readAll("/proc/meminfo", text, sizeof text);
  rest = text;
  for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
    char key[64];
    long long kib;
    if (sscanf(line, "%63[^:]: %lld kB", key, &kib) == 2) jsonNumber(key, kib);
  }
  jsonEnd();
  DIR *directory = opendir("/proc");
  if (directory == NULL) return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') writeProcess(entry->d_name);
  }
  closedir(directory);
}
