/* Checks of a Tahoe-LAFS node that a grid goes through. */
#include "daemon/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/files.h"
#include "grid/grid.h"

/* Capabilities go there as they are: to this machine only, or sealed. */
static void
check_address(const char *dir, mf_findings *all)
{
	static const char *const safe[] = {
		"https://", "http://127.", "http://localhost:", "http://localhost/", "http://[::1]"};
	char *path = mf_path_join(dir, "node.url");
	mf_buf text = {0};
	mf_err err;
	bool good = false;

	if (mf_file_read(path, 2048, &text, &err) != MF_OK) {
		mf_finding_add(all, MF_FINDING_WRONG, "node",
			"%s cannot be read: %s. Start the Tahoe-LAFS node: it writes this file", path, err.text);
	} else {
		for (size_t i = 0; i < sizeof(safe) / sizeof(*safe); i++)
			good = good || mf_str_starts(mf_buf_str(&text), mf_strz(safe[i]));
		if (!good)
			mf_finding_add(all, MF_FINDING_NOTE, "node",
				"%s names another machine, and the way there is not encrypted: whoever listens can"
				" read the folders. Use a node on this machine, or an https address",
				path);
	}
	mf_buf_free(&text);
	free(path);
}

static void
ask_node(const char *url, mf_findings *all)
{
	struct mf_grid *grid = NULL;
	mf_grid_conf conf = {0};
	mf_grid_status s;
	mf_err err;
	mf_code rc = mf_grid_open(url, &conf, &grid, &err);

	if (rc == MF_OK)
		rc = grid->ops->status(grid, &s, NULL, &err);
	if (rc != MF_OK)
		mf_finding_add(all, MF_FINDING_WRONG, "node",
			"%s. Is the node running? Folders wait until it answers; nothing is lost", err.text);
	else if (!s.happy)
		mf_finding_add(all, MF_FINDING_WRONG, "node",
			"it answers, but reaches %u storage servers and wants %u (shares.happy in its tahoe.cfg):"
			" nothing is published until it reaches more",
			s.connected, s.wanted);
	else
		mf_finding_add(all, MF_FINDING_OK, "node", "it answers, and reaches %u storage servers of %u wanted",
			s.connected, s.wanted);
	mf_grid_close(grid);
}

void
mf_doctor_node(const char *url, mf_findings *all)
{
	const char *dir = url + strlen("node:");
	char *cfg = mf_path_join(dir, "tahoe.cfg");
	struct stat st;

	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
		mf_finding_add(all, MF_FINDING_WRONG, "node",
			"%s is not there; say 'init --node-directory' with the"
			" directory that 'tahoe create-client' made, or mount its disk",
			dir);
	} else {
		if (access(cfg, R_OK) != 0)
			mf_finding_add(all, MF_FINDING_NOTE, "node",
				"%s cannot be read: %s; seven servers are wanted then", cfg, strerror(errno));
		check_address(dir, all);
		ask_node(url, all);
	}
	free(cfg);
}
