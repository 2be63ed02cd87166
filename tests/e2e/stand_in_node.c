/* A stand-in for a Tahoe-LAFS node, as a program: `stand_in_node DIRECTORY`.
 *
 * Makes DIRECTORY look like a node's: node.url, tahoe.cfg (unless it is there); its shares lie in DIRECTORY/store.  Before
 * each answer it reads DIRECTORY/mood, if there is one: a trouble (tests/grid/stand_in.c), how many storage servers are
 * connected, and milliseconds to wait: "well 1 0".  Of each request it adds a line to DIRECTORY/asked, without
 * capabilities. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/grid/stand_in.h"

static char *
in_dir(const char *dir, const char *name)
{
	mf_buf path = {0};

	mf_buf_addf(&path, "%s/%s", dir, name);
	return (char *)path.p;
}

static stand_in_mood
mood(void *arg)
{
	stand_in_mood m = {.servers = 1};
	char *path = in_dir(arg, "mood"), word[32];
	FILE *f = fopen(path, "re");

	if (f != NULL &&
		(fscanf(f, "%31s %u %u", word, &m.servers, &m.delay_ms) != 3 ||
			!stand_in_word(mf_strz(word), &m.trouble)))
		fprintf(stderr, "bad mood\n");
	if (f != NULL)
		(void)fclose(f);
	free(path);
	return m;
}

static void
told(void *arg, const char *what)
{
	char *path = in_dir(arg, "asked"), line[64];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line), "%s\n", what);

	if (fd < 0 || write(fd, line, (size_t)n) != n)
		fprintf(stderr, "cannot write to %s\n", path);
	(void)close(fd);
	free(path);
}

/* As a whole or not at all: others read it at any time. */
static int
replace(const char *dir, const char *name, const char *text)
{
	char *path = in_dir(dir, name), *tmp = in_dir(dir, "new.tmp");
	FILE *f = fopen(tmp, "we");
	int rc = f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 && rename(tmp, path) == 0 ? 0 : -1;

	free(path);
	free(tmp);
	return rc;
}

int
main(int argc, char **argv)
{
	mf_grid_conf conf = {.convergence_n = 32};
	struct stand_in s = {.mood = mood, .told = told};
	mf_err err;

	if (argc != 2) {
		fprintf(stderr, "usage: stand_in_node DIRECTORY\n");
		return 2;
	}
	(void)mkdir(argv[1], 0700);
	char *cfg = in_dir(argv[1], "tahoe.cfg"), *store = in_dir(argv[1], "store");
	mf_buf url = {0};
	mf_buf_addf(&url, "dir:%s", store);
	memset(conf.convergence, 'n', sizeof(conf.convergence));
	memset(conf.lease_secret, 'l', sizeof(conf.lease_secret));
	if (mf_grid_open((const char *)url.p, &conf, &s.store, &err) != MF_OK) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	s.arg = argv[1];
	stand_in_start(&s);
	url.n = 0;
	mf_buf_addf(&url, "%s/\n", serve_url(s.server));
	if ((access(cfg, F_OK) != 0 && replace(argv[1], "tahoe.cfg", "[client]\nshares.happy = 1\n") != 0) ||
		replace(argv[1], "node.url", (const char *)url.p) != 0) {
		perror(argv[1]);
		return 1;
	}
	for (;;)
		(void)pause(); /* until it is killed */
}
