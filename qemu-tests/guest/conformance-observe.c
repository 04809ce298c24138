// What can be seen of a process, its mounts and the file trees from outside, as JSON: see conformance.h.
// proc_pid_stat(5), proc_pid_status(5), proc_pid_mountinfo(5).
#define _GNU_SOURCE
#include "conformance.h"
#include "json.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[1 << 16];

static ssize_t slurp(int proc, pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "%d/%s", pid, name);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  size_t used = 0;
  for (ssize_t n; fd >= 0 && used < sizeof buffer - 1 && (n = read(fd, buffer + used, sizeof buffer - 1 - used)) > 0;) used += (size_t)n;
  if (fd >= 0) close(fd);
  buffer[used] = 0;
  return fd < 0 ? -1 : (ssize_t)used;
}

static void put(const char *key, int proc, pid_t pid, const char *name) {
  ssize_t n = slurp(proc, pid, name);
  if (n < 0) jsonText(key, NULL);
  else jsonBytes(key, buffer, (size_t)n);
}

static void putLink(const char *key, int proc, pid_t pid, const char *name) {
  char path[64], target[4096];
  snprintf(path, sizeof path, "%d/%s", pid, name);
  ssize_t n = readlinkat(proc, path, target, sizeof target);
  if (n < 0) jsonText(key, NULL);
  else jsonBytes(key, target, (size_t)n);
}

static void putDescriptors(int proc, pid_t pid) {
  char path[300], target[1024], line[1400];
  snprintf(path, sizeof path, "%d/fd", pid);
  int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  jsonListBegin("descriptors");
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    struct stat status = {0};
    snprintf(path, sizeof path, "%d/fd/%s", pid, entry->d_name);
    ssize_t n = readlinkat(proc, path, target, sizeof target - 1);
    if (n < 0) continue;
    target[n] = 0;
    fstatat(proc, path, &status, 0);
    snprintf(line, sizeof line, "%s %s %llx", entry->d_name, target, S_ISCHR(status.st_mode) ? (unsigned long long)status.st_rdev : 0ULL);
    jsonListText(line);
  }
  jsonListEnd();
  if (directory != NULL) closedir(directory);
}

void observeProcess(int proc, pid_t pid) {
  jsonNumber("pid", pid);
  put("cmdline", proc, pid, "cmdline");
  put("environ", proc, pid, "environ");
  put("procStatus", proc, pid, "status");
  put("procStat", proc, pid, "stat");
  put("mountinfo", proc, pid, "mountinfo");
  putLink("cwd", proc, pid, "cwd");
  putLink("exe", proc, pid, "exe");
  putDescriptors(proc, pid);
}

// The bounding set of this process, as text.
void observeBounding(int proc) {
  char *line = slurp(proc, getpid(), "status") > 0 ? strstr(buffer, "CapBnd:") : NULL;
  if (line == NULL) return;
  line += strspn(line, "CapBnd:\t ");
  line[strcspn(line, "\n")] = 0;
  jsonText("bounding", line);
}

void observeMounts(const char *key, int mountinfo) {
  size_t used = 0;
  lseek(mountinfo, 0, SEEK_SET);
  for (ssize_t n; used < sizeof buffer && (n = read(mountinfo, buffer + used, sizeof buffer - used)) > 0;) used += (size_t)n;
  jsonBytes(key, buffer, used);
}

static void walk(int parent, const char *name, const char *prefix, int isListed, int *count) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char path[1024];
    struct stat status;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    snprintf(path, sizeof path, "%s/%s", prefix, entry->d_name);
    ++*count;
    if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      if (isListed) { strcat(path, "/"); jsonListText(path); path[strlen(path) - 1] = 0; }
      walk(fd, entry->d_name, path, isListed, count);
    } else if (isListed && *count < 200) jsonListText(path);
  }
  closedir(directory);
}

void observeTree(const char *key, int directory) {
  int count = 0;
  jsonListBegin(key);
  walk(directory, ".", "", 1, &count);
  jsonListEnd();
}

int countFiles(int directory) {
  int count = 0;
  walk(directory, ".", "", 0, &count);
  return count;
}

static char children[1024];

static void readChildren(int proc, pid_t parent) {
  char path[64];
  snprintf(path, sizeof path, "%d/task/%d/children", parent, parent);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, children, sizeof children - 1);
  children[n < 0 ? 0 : n] = 0;
  if (fd >= 0) close(fd);
}

// True while a child of `parent` has something to do.
int isWorking(int proc, pid_t parent) {
  readChildren(proc, parent);
  for (char *word = strtok(children, " "); word != NULL; word = strtok(NULL, " ")) {
    if (slurp(proc, atoi(word), "stat") <= 0) continue;
    const char *rest = strrchr(buffer, ')');
    if (rest != NULL && (rest[2] == 'R' || rest[2] == 'D')) return 1;
  }
  return 0;
}

// Everything else in the PID namespace of `parent`: its descendants.
void observeOthers(int proc, pid_t parent) {
  jsonListBegin("others");
  readChildren(proc, parent);
  for (char *word = strtok(children, " "); word != NULL; word = strtok(NULL, " ")) {
    if (slurp(proc, atoi(word), "comm") < 0) continue;
    buffer[strcspn(buffer, "\n")] = 0;
    jsonListText(buffer);
  }
  jsonListEnd();
}

// True when every thread sleeps and none has used the processor since the last time.
int isIdle(int proc, pid_t pid, unsigned long *ticks) {
  char path[300];
  unsigned long sum = 0;
  int isAsleep = 1;
  snprintf(path, sizeof path, "%d/task", pid);
  int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "task/%s/stat", entry->d_name);
    if (slurp(proc, pid, path) <= 0) continue;
    char *rest = strrchr(buffer, ')'), state = 0;
    unsigned long user = 0, system = 0;
    if (rest == NULL || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user, &system) != 3) continue;
    sum += user + system;
    if (state != 'S') isAsleep = 0;
  }
  closedir(directory);
  int isSame = sum == *ticks;
  *ticks = sum;
  return isAsleep && isSame;
}
