/* Disks and directories of members that come and go. */
#include "cast.h"

#include <criterion/criterion.h>

#define SPARE "/disks/one"
#define ELSEWHERE "/home/elsewhere"
enum { ITS_NUMBER = 7 };

void
cast_mount(struct member *m)
{
	sim_mkdirs(m->h, SPARE);
	sim_set_dev(m->h, SPARE, ITS_NUMBER);
	cast_mkdirs(m, CAST_MOUNT);
	sim_mount(m->h, cast_path(CAST_MOUNT), SPARE);
	m->has_disk = true;
}

void
cast_take_away(struct member *m, bool all)
{
	if (m->away != NULL || (!all && !m->has_disk))
		return;
	if (all)
		cr_assert(sim_move(m->h, CAST_DIR, ELSEWHERE));
	else
		sim_unmount(m->h, cast_path(CAST_MOUNT), SPARE);
	m->away = all ? "" : CAST_MOUNT;
	m->away_ms = sim_now_ms(m->cast->w);
}

void
cast_bring_back(struct member *m)
{
	if (m->away == NULL)
		return;
	if (*m->away == '\0') {
		cr_assert(sim_move(m->h, ELSEWHERE, CAST_DIR));
	} else {
		cast_mkdirs(m, CAST_MOUNT); /* an empty directory may be removed */
		sim_mount(m->h, cast_path(CAST_MOUNT), SPARE);
	}
	m->away = NULL;
	m->away_ms = sim_now_ms(m->cast->w);
}

bool
cast_is_away(const struct member *m, const char *relpath)
{
	size_t n = m->away == NULL ? 0 : strlen(m->away);

	return m->away != NULL &&
		(n == 0 || (strncmp(relpath, m->away, n) == 0 && (relpath[n] == '/' || relpath[n] == '\0')));
}
