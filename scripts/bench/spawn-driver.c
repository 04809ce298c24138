/* Times programs from their start to their exit, in rounds, as many at once as asked for. `npm run bench -- spawn`.
 * Reads lines of tab-separated words from the file that it is given (its end: the first NUL), writes lines "bench: {…}".
 * Static and small, so that its own posix_spawn costs next to nothing: what is measured is the program.
 *
 *   fill N                      mounts are added until this mount namespace has N
 *   probe NAME WORD…            runs it once and prints what it writes
 *   case NAME WORD…             a program to time; %i is a number from 0 up to those at once, %n another each time
 *   server NAME WORD…           a program that spawns by itself: reads "COUNT\n", writes "NANOSECONDS FAILED\n"
 *   run LABEL ROUNDS WARM COUNT SETTLE_US    every other round in reverse order, so that drift meets all alike
 *   clear                       forgets the cases
 *   shared                      every mount of this namespace becomes shared
 *   event LABEL ROUNDS WARM SETTLE_US    times mount --bind /tmp /mnt and its umount
 * posix_spawn(3), clock_gettime(2), proc_pid_mountinfo(5) */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 96
#define CASES 64
#define COUNT 64

struct item {
	char *name, *words[WORDS];
	pid_t server;
	FILE *ask, *answer;
};

extern char **environ;
static struct item items[CASES];
static int item_count;
static long unique;

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* CPU time of everything in this cgroup, in microseconds; 0 where there is no such file. cgroups(7), cpu.stat */
static long long cpu_time(void)
{
	FILE *file = fopen("/sys/fs/cgroup/cpu.stat", "re");
	long long spent = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "usage_usec %lld", &spent) != 1)
		spent = 0;
	fclose(file);
	return spent;
}

static void die(const char *what, const char *object)
{
	printf("bench: {\"error\":\"Cannot %s '%s': %s\"}\n", what, object, strerror(errno));
	exit(111);
}

static long mount_count(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	long count = 0;
	int c;

	if (file == NULL)
		die("open", "/proc/self/mountinfo");
	while ((c = getc(file)) != EOF)
		count += c == '\n';
	fclose(file);
	return count;
}

/* Directories of one tmpfs, each bound on itself: mounts that nothing looks into. */
static void fill(long wanted)
{
	static long made;
	char path[64];
	long have = mount_count();

	if (made == 0 && have < wanted) {
		if (mkdir("/fill", 0755) < 0 && errno != EEXIST)
			die("make", "/fill");
		if (mount("fill", "/fill", "tmpfs", 0, NULL) < 0)
			die("mount", "/fill");
		have++;
	}
	for (; have < wanted; have++) {
		snprintf(path, sizeof path, "/fill/%ld", made++);
		if (mkdir(path, 0755) < 0 || mount(path, path, NULL, MS_BIND, NULL) < 0)
			die("mount", path);
	}
	printf("bench: {\"mounts\":%ld}\n", mount_count());
}

/* The words with %i and %n replaced; kept until the next call. */
static char **expand(struct item *item, int slot)
{
	static char buffer[COUNT][WORDS][512];
	static char *words[WORDS];
	int at;

	unique++;
	for (at = 0; item->words[at] != NULL; at++) {
		char *out = buffer[slot][at], *end = out + sizeof buffer[slot][at] - 24;

		for (const char *in = item->words[at]; *in != '\0' && out < end; in++)
			if (in[0] == '%' && (in[1] == 'i' || in[1] == 'n'))
				out += sprintf(out, "%ld", *++in == 'i' ? (long)slot : unique);
			else
				*out++ = *in;
		*out = '\0';
		words[at] = buffer[slot][at];
	}
	words[at] = NULL;
	return words;
}

static pid_t start(char **words, posix_spawn_file_actions_t *actions)
{
	posix_spawnattr_t attributes;
	sigset_t pipe;
	pid_t pid;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	errno = posix_spawn(&pid, words[0], actions, &attributes, words, environ);
	if (errno != 0)
		die("start", words[0]);
	return pid;
}

static void quiet(posix_spawn_file_actions_t *actions, int output)
{
	posix_spawn_file_actions_init(actions);
	posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	if (output < 0)
		posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
	else
		posix_spawn_file_actions_adddup2(actions, output, 1);
	posix_spawn_file_actions_addopen(actions, 2, "/run/spawn-driver.err", O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void print_quoted(const char *text, size_t length)
{
	putchar('"');
	for (size_t at = 0; at < length; at++)
		if (text[at] == '"' || text[at] == '\\')
			printf("\\%c", text[at]);
		else if ((unsigned char)text[at] < ' ')
			printf("\\u%04x", (unsigned char)text[at]);
		else
			putchar(text[at]);
	putchar('"');
}

static void print_complaints(void)
{
	char text[2000];
	FILE *file = fopen("/run/spawn-driver.err", "re");
	size_t length = file == NULL ? 0 : fread(text, 1, sizeof text, file);

	if (file != NULL)
		fclose(file);
	truncate("/run/spawn-driver.err", 0);
	printf(",\"said\":");
	print_quoted(text, length);
}

static void probe(struct item *item)
{
	posix_spawn_file_actions_t actions;
	char text[4096];
	int ends[2], status;
	size_t length = 0;
	ssize_t got;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("make", "pipe");
	quiet(&actions, ends[1]);
	pid_t pid = start(expand(item, 0), &actions);
	close(ends[1]);
	while (length < sizeof text && (got = read(ends[0], text + length, sizeof text - length)) > 0)
		length += got;
	close(ends[0]);
	waitpid(pid, &status, 0);
	printf("bench: {\"probe\":\"%s\",\"status\":%d,\"out\":", item->name, status);
	print_quoted(text, length);
	print_complaints();
	printf("}\n");
}

static void start_server(struct item *item)
{
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	char line[256];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		die("make", "pipe");
	quiet(&actions, out[1]);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	item->server = start(expand(item, 0), &actions);
	close(in[0]);
	close(out[1]);
	item->ask = fdopen(in[1], "we");
	item->answer = fdopen(out[0], "re");
	/* Its first line says that it is ready. */
	if (fgets(line, sizeof line, item->answer) == NULL) {
		printf("bench: {\"failed\":\"%s\"", item->name);
		print_complaints();
		printf("}\n");
	}
}

static void stop_server(struct item *item)
{
	fclose(item->ask);
	fclose(item->answer);
	waitpid(item->server, NULL, 0);
}

static void measure(struct item *item, const char *label, int round, int count, posix_spawn_file_actions_t *actions)
{
	pid_t pids[COUNT];
	int failed = 0, status;
	long long spent = -1, cpu = cpu_time();

	if (item->server != 0) {
		fprintf(item->ask, "%d\n", count);
		fflush(item->ask);
		if (fscanf(item->answer, "%lld %d", &spent, &failed) != 2)
			failed = count;
	} else {
		long long begin = now();

		for (int slot = 0; slot < count; slot++)
			pids[slot] = start(expand(item, slot), actions);
		for (int slot = 0; slot < count; slot++)
			if (waitpid(pids[slot], &status, 0) < 0 || status != 0)
				failed++;
		spent = now() - begin;
	}
	cpu = cpu_time() - cpu;
	if (round < 0 && failed == 0)
		return;
	printf("bench: {\"case\":\"%s\",\"run\":\"%s\",\"round\":%d,\"ns\":%lld,\"cpuUs\":%lld,\"failed\":%d",
	       item->name, label, round, spent, cpu, failed);
	if (failed != 0)
		print_complaints();
	printf("}\n");
}

static void run(char **words)
{
	int rounds = atoi(words[1]), warm = atoi(words[2]), count = atoi(words[3]), settle = atoi(words[4]);
	posix_spawn_file_actions_t actions;

	quiet(&actions, -1);
	for (int round = -warm; round < rounds; round++)
		for (int at = 0; at < item_count; at++) {
			measure(&items[round & 1 ? item_count - 1 - at : at], words[0], round, count, &actions);
			/* Namespaces are taken down by the kernel's workers: not in the next one's time. */
			usleep(settle);
		}
	posix_spawn_file_actions_destroy(&actions);
}

static void event(const char *label, char **words)
{
	int rounds = atoi(words[0]), warm = atoi(words[1]), settle = atoi(words[2]);

	for (int round = -warm; round < rounds; round++) {
		long long begin = now(), mounted, unmounted;

		if (mount("/tmp", "/mnt", NULL, MS_BIND, NULL) < 0)
			die("mount", "/mnt");
		mounted = now();
		if (umount2("/mnt", MNT_DETACH) < 0)
			die("unmount", "/mnt");
		unmounted = now();
		if (round >= 0) {
			printf("bench: {\"case\":\"mount\",\"run\":\"%s\",\"round\":%d,\"ns\":%lld,\"failed\":0}\n", label, round, mounted - begin);
			printf("bench: {\"case\":\"umount\",\"run\":\"%s\",\"round\":%d,\"ns\":%lld,\"failed\":0}\n", label, round, unmounted - mounted);
		}
		usleep(settle);
	}
}

int main(int argc, char **argv)
{
	static char plan[1 << 20];
	FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;

	/* A server may end before it is asked. */
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	if (file == NULL || fread(plan, 1, sizeof plan - 1, file) == 0)
		die("read", argc == 2 ? argv[1] : "the plan");
	fclose(file);
	for (char *line_end, *line = strtok_r(plan, "\n", &line_end); line != NULL; line = strtok_r(NULL, "\n", &line_end)) {
		struct item item = { 0 };
		char *word_end, *verb = strtok_r(line, "\t", &word_end);
		int at = 0;

		item.name = strtok_r(NULL, "\t", &word_end);
		while (at < WORDS - 1 && (item.words[at] = strtok_r(NULL, "\t", &word_end)) != NULL)
			at++;
		if (strcmp(verb, "fill") == 0)
			fill(atol(item.name));
		else if (strcmp(verb, "shared") == 0) {
			if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
				die("share", "/");
		} else if (strcmp(verb, "event") == 0)
			event(item.name, item.words);
		else if (strcmp(verb, "probe") == 0)
			probe(&item);
		else if (strcmp(verb, "case") == 0 || strcmp(verb, "server") == 0) {
			if (verb[0] == 's')
				start_server(&item);
			items[item_count++] = item;
		} else if (strcmp(verb, "run") == 0) {
			char *words[] = { item.name, item.words[0], item.words[1], item.words[2], item.words[3] };

			run(words);
		} else if (strcmp(verb, "clear") == 0) {
			for (at = 0; at < item_count; at++)
				if (items[at].server != 0)
					stop_server(&items[at]);
			item_count = 0;
		}
	}
	for (int at = 0; at < item_count; at++)
		if (items[at].server != 0)
			stop_server(&items[at]);
	printf("bench: {\"done\":true}\n");
	return 0;
}
