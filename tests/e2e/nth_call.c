/* Run a program and SIGKILL it before its Nth system call that changes files, counted over all threads.
 *
 *     nth_call [-n N] [-h] [-w] -o REPORT PROGRAM ARG...
 *
 * -n N: kill before the Nth such call; without it, or when there are fewer, the program ends by itself.
 * -h:   if the Nth is a write of several bytes, let it write the first half, then kill.
 * -w:   begin to count at SIGUSR1.
 * REPORT gets one line per counted call, "NUMBER CALL PATH", and a last one, "= COUNT killed" or "= COUNT STATUS".
 * SIGTERM is passed on.  The exit status is the program's, 137 when it was killed.
 *
 * Only calls that will leave something behind are counted.  A process killed between two of them leaves the same as one
 * killed before the second, so reads, locks, waiting and the network are not: they would be the same test again.
 * Nor are syncs (what was written survives a kill, synced or not: power cuts are the simulator's), standard output,
 * files without a name (O_TMPFILE), which die with the process until they are linked, and names made or removed in
 * vain.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0 /* which system calls are these? */
#endif

/* What a call's arguments mean: where its descriptor and its path are. */
enum shape {
	WRITE,    /* descriptor 0, byte count 2 */
	FD,       /* descriptor 0 */
	OPENAT,   /* directory 0, path 1, flags 2 */
	OPENAT2,  /* directory 0, path 1, struct open_how 2 */
	AT,       /* directory 0, path 1 */
	MAKE_AT,  /* the same: a name that is not there yet */
	TAKE_AT,  /* the same: one that is */
	FROM_TO,  /* directory 2, path 3: the new name */
	OPEN,     /* path 0, flags 1 */
	PATH,     /* path 0 */
	MAKE,     /* path 0: a name that is not there yet */
	TAKE,     /* path 0: one that is */
	PATH_TO,  /* path 1: the new name */
	COPY_TO,  /* descriptor 2 */
	FUTIMENS, /* directory 0, path 1, which may be NULL */
};

struct call {
	int nr;
	enum shape shape;
	const char *name;
};

static const struct call calls[] = {
	{SYS_write, WRITE, "write"},
	{SYS_pwrite64, WRITE, "pwrite64"},
	{SYS_writev, FD, "writev"},
	{SYS_pwritev, FD, "pwritev"},
	{SYS_pwritev2, FD, "pwritev2"},
	{SYS_ftruncate, FD, "ftruncate"},
	{SYS_fallocate, FD, "fallocate"},
	{SYS_fchmod, FD, "fchmod"},
	{SYS_fchown, FD, "fchown"},
	{SYS_fsetxattr, FD, "fsetxattr"},
	{SYS_sendfile, FD, "sendfile"},
	{SYS_copy_file_range, COPY_TO, "copy_file_range"},
	{SYS_openat, OPENAT, "openat"},
	{SYS_openat2, OPENAT2, "openat2"},
	{SYS_mkdirat, MAKE_AT, "mkdirat"},
	{SYS_mknodat, MAKE_AT, "mknodat"},
	{SYS_unlinkat, TAKE_AT, "unlinkat"},
	{SYS_fchmodat, AT, "fchmodat"},
	{SYS_fchownat, AT, "fchownat"},
	{SYS_utimensat, FUTIMENS, "utimensat"},
	{SYS_renameat2, FROM_TO, "renameat2"},
	{SYS_linkat, FROM_TO, "linkat"},
	{SYS_truncate, PATH, "truncate"},
	{SYS_setxattr, PATH, "setxattr"},
#ifdef SYS_open /* the old ones; newer architectures lack them */
	{SYS_open, OPEN, "open"},
	{SYS_creat, PATH, "creat"},
	{SYS_mkdir, MAKE, "mkdir"},
	{SYS_rmdir, TAKE, "rmdir"},
	{SYS_unlink, TAKE, "unlink"},
	{SYS_chmod, PATH, "chmod"},
	{SYS_chown, PATH, "chown"},
	{SYS_rename, PATH_TO, "rename"},
	{SYS_link, PATH_TO, "link"},
	{SYS_symlink, PATH_TO, "symlink"},
	{SYS_renameat, FROM_TO, "renameat"},
#endif
	{SYS_symlinkat, FROM_TO, "symlinkat"},
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

struct trace {
	pid_t child;
	uint64_t count, at;
	bool half, counting, ending, killed;
	int status;
	FILE *report;
};

static void
die(const char *what)
{
	fprintf(stderr, "nth_call: %s: %s\n", what, strerror(errno));
	exit(127);
}

/* -- in the child ------------------------------------------------------------------------------------------- */

/* Stop for the tracer at the calls above; all others run at full speed. */
static void
install_filter(void)
{
	struct sock_filter code[6 + CALLS] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.len = 6 + CALLS, .filter = code};

	for (int i = 0; i < CALLS; i++)
		code[4 + i] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].nr, (uint8_t)(CALLS - i), 0);
	code[4 + CALLS] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[5 + CALLS] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		die("seccomp");
}

static void
become(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
		die("PTRACE_TRACEME");
	raise(SIGSTOP); /* until the tracer has set its options */
	install_filter();
	execvp(argv[0], argv);
	die(argv[0]);
}

/* -- what a call would do ----------------------------------------------------------------------------------- */

static size_t
peek(pid_t tid, uint64_t at, void *out, size_t n)
{
	struct iovec here = {.iov_base = out, .iov_len = n};
	struct iovec there = {.iov_base = (void *)(uintptr_t)at, .iov_len = n}; /* NOLINT: another process's */
	ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);

	return got < 0 ? 0 : (size_t)got;
}

/* A string of the other process; byte by page, for it may end just before one that is not there. */
static void
peek_text(pid_t tid, uint64_t at, char *out, size_t room)
{
	size_t n = 0;

	while (n < room - 1) {
		size_t step = 256 - (at + n) % 256;
		if (step > room - 1 - n)
			step = room - 1 - n;
		size_t got = peek(tid, at + n, out + n, step);
		char *end = memchr(out + n, '\0', got);
		if (end != NULL)
			return;
		n += got;
		if (got < step)
			break;
	}
	out[n] = '\0';
}

static void
fd_text(pid_t tid, int fd, char *out, size_t room)
{
	char link[64];

	snprintf(link, sizeof(link), fd == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d", (int)tid, fd);
	ssize_t n = readlink(link, out, room - 1);
	out[n < 0 ? 0 : n] = '\0';
}

static void
at_text(pid_t tid, uint64_t dir, uint64_t path, char *out, size_t room)
{
	char name[2048];

	peek_text(tid, path, name, sizeof(name));
	out[0] = '\0';
	if (name[0] != '/') {
		fd_text(tid, (int)dir, out, room);
		strncat(out, "/", room - strlen(out) - 1);
	}
	strncat(out, name, room - strlen(out) - 1);
}

static bool
there(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Does an open with these flags make or empty a file that has a name? */
static bool
makes(const char *path, uint64_t flags)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return false;
	return (flags & O_TRUNC) != 0 || ((flags & O_CREAT) != 0 && !there(path));
}

/* Is the descriptor a file that will still be there? */
static bool
lasting(pid_t tid, int fd, char *out, size_t room)
{
	static const char gone[] = " (deleted)";
	size_t n;

	if (fd >= 0 && fd <= 2)
		return false;
	fd_text(tid, fd, out, room);
	n = strlen(out);
	if (n >= sizeof(gone) && strcmp(out + n - (sizeof(gone) - 1), gone) == 0)
		return false;
	return out[0] == '/' && strcmp(out, "/dev/null") != 0 && strncmp(out, "/proc/", 6) != 0;
}

/* Is it to be counted?  Then out is what it would change. */
static bool
changes(pid_t tid, enum shape shape, const uint64_t *a, char *out, size_t room)
{
	struct open_how how = {0};

	switch (shape) {
	case WRITE:
	case FD: return lasting(tid, (int)a[0], out, room);
	case COPY_TO: return lasting(tid, (int)a[2], out, room);
	case FUTIMENS:
		if (a[1] == 0)
			return lasting(tid, (int)a[0], out, room);
		at_text(tid, a[0], a[1], out, room);
		return strncmp(out, "/proc/", 6) != 0;
	case AT: at_text(tid, a[0], a[1], out, room); return true;
	case MAKE_AT: at_text(tid, a[0], a[1], out, room); return !there(out);
	case TAKE_AT: at_text(tid, a[0], a[1], out, room); return there(out);
	case OPENAT: at_text(tid, a[0], a[1], out, room); return makes(out, a[2]);
	case OPENAT2:
		(void)peek(tid, a[2], &how, sizeof(how));
		at_text(tid, a[0], a[1], out, room);
		return makes(out, how.flags);
	case FROM_TO: at_text(tid, a[2], a[3], out, room); return true;
	case OPEN: at_text(tid, (uint64_t)AT_FDCWD, a[0], out, room); return makes(out, a[1]);
	case PATH: at_text(tid, (uint64_t)AT_FDCWD, a[0], out, room); return true;
	case MAKE: at_text(tid, (uint64_t)AT_FDCWD, a[0], out, room); return !there(out);
	case TAKE: at_text(tid, (uint64_t)AT_FDCWD, a[0], out, room); return there(out);
	case PATH_TO: at_text(tid, (uint64_t)AT_FDCWD, a[1], out, room); return true;
	}
	return false;
}

/* -- the tracer --------------------------------------------------------------------------------------------- */

static void
put_down(struct trace *t)
{
	t->killed = true;
	kill(t->child, SIGKILL);
}

/* Let a write write the first half; true: resume to its end. */
static bool
halve(pid_t tid, uint64_t bytes)
{
#if defined(__x86_64__)
	struct user_regs_struct r;

	if (bytes < 2 || ptrace(PTRACE_GETREGS, tid, 0, &r) != 0)
		return false;
	r.rdx = bytes / 2;
	return ptrace(PTRACE_SETREGS, tid, 0, &r) == 0;
#else
	(void)tid;
	(void)bytes;
	return false;
#endif
}

/* A thread is about to make one of the calls.  The request that lets it go on. */
static int
on_call(struct trace *t, pid_t tid)
{
	struct __ptrace_syscall_info info = {0};
	const struct call *c = NULL;
	char what[4096];

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		die("PTRACE_GET_SYSCALL_INFO");
	for (int i = 0; i < CALLS; i++)
		if ((uint64_t)calls[i].nr == info.seccomp.nr)
			c = &calls[i];
	if (!t->counting || c == NULL || !changes(tid, c->shape, info.seccomp.args, what, sizeof(what)))
		return PTRACE_CONT;
	fprintf(t->report, "%llu %s %s\n", (unsigned long long)++t->count, c->name, what);
	if (t->count != t->at)
		return PTRACE_CONT;
	if (t->half && c->shape == WRITE && halve(tid, info.seccomp.args[2])) {
		t->ending = true;
		return PTRACE_SYSCALL;
	}
	put_down(t);
	return PTRACE_CONT;
}

static void
on_stop(struct trace *t, pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16, request = PTRACE_CONT;

	if (event == PTRACE_EVENT_SECCOMP)
		request = on_call(t, tid);
	else if (sig == (SIGTRAP | 0x80) && t->ending)
		put_down(t);
	if (event != 0 || sig == (SIGTRAP | 0x80) || sig == SIGSTOP) /* SIGSTOP: a new thread's first breath */
		sig = 0;
	(void)ptrace(request, tid, 0, (long)sig); /* a killed one is gone already */
}

/* Everything that has happened to the child; false: it has ended. */
static bool
reap(struct trace *t)
{
	int status;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		if (WIFSTOPPED(status)) {
			on_stop(t, tid, status);
		} else if (tid == t->child) {
			t->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			return false;
		}
	}
	return true;
}

static void
watch(struct trace *t, const sigset_t *signals)
{
	while (reap(t)) {
		switch (sigwaitinfo(signals, NULL)) {
		case SIGUSR1: t->counting = true; break;
		case SIGTERM: kill(t->child, SIGTERM); break;
		default: break;
		}
	}
}

static void
begin(struct trace *t, char **argv)
{
	int status;

	t->child = fork();
	if (t->child == 0)
		become(argv);
	if (t->child < 0 || waitpid(t->child, &status, 0) != t->child || !WIFSTOPPED(status))
		die("fork");
	if (ptrace(PTRACE_SETOPTIONS, t->child, 0,
		    (long)(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			    PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)) != 0)
		die("PTRACE_SETOPTIONS");
	ptrace(PTRACE_CONT, t->child, 0, 0);
}

int
main(int argc, char **argv)
{
	struct trace t = {.counting = true};
	const char *report = NULL;
	sigset_t signals;
	int opt;

	while ((opt = getopt(argc, argv, "+n:hwo:")) != -1) {
		switch (opt) {
		case 'n': t.at = strtoull(optarg, NULL, 10); break;
		case 'h': t.half = true; break;
		case 'w': t.counting = false; break;
		case 'o': report = optarg; break;
		default: return 127;
		}
	}
	if (ARCH == 0) {
		fprintf(stderr, "nth_call: not on this architecture\n");
		return 127;
	}
	if (report == NULL || optind >= argc) {
		fprintf(stderr, "usage: nth_call [-n N] [-h] [-w] -o REPORT PROGRAM ARG...\n");
		return 127;
	}
	t.report = fopen(report, "we");
	if (t.report == NULL)
		die(report);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL); /* taken one by one in watch() */
	begin(&t, argv + optind);
	watch(&t, &signals);
	fprintf(t.report, t.killed ? "= %llu killed\n" : "= %llu %d\n", (unsigned long long)t.count, t.status);
	if (fclose(t.report) != 0)
		die(report);
	return t.killed ? 137 : t.status;
}
