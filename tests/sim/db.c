/* Databases: the environment's three functions, locks and shared memory.  The files are in vfs.c. */
#include "sim_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/db.h"

enum { SHM_SLOTS = SQLITE_SHM_NLOCK, WRITE_SLOT = 0 };

struct sim_dbshare {
	LIST_ENTRY(sim_dbshare) all;
	struct sim_env *env;
	struct sim_inode *ino;
	unsigned refs;
	unsigned shared;
	bool reserved, exclusive; /* exclusive: also while the last readers leave */
	unsigned slot_shared[SHM_SLOTS];
	bool slot_exclusive[SHM_SLOTS];
	void **region;
	int n_regions;
};

int
sim_share_join(struct sim_env *e, struct sim_inode *ino, struct sim_dbshare **out)
{
	struct sim_dbshare *s;

	LIST_FOREACH(s, &e->shares, all)
	if (s->ino == ino)
		break;
	if (s == NULL) {
		s = mf_alloc(sizeof(*s));
		s->env = e;
		s->ino = ino;
		LIST_INSERT_HEAD(&e->shares, s, all);
	}
	s->refs++;
	*out = s;
	return SQLITE_OK;
}

void
sim_share_leave(struct sim_dbshare *s)
{
	if (--s->refs > 0)
		return;
	for (int i = 0; i < s->n_regions; i++)
		free(s->region[i]);
	free(s->region);
	LIST_REMOVE(s, all);
	free(s);
}

/* Does another program hold the write lock? */
static bool
is_held(const struct sim_dbshare *s)
{
	s->env->host->hits[SIM_HIT_LOCKED] += s->ino->held;
	return s->ino->held;
}

int
sim_share_lock(struct sim_dbshare *s, int *mine, int want)
{
	if (*mine >= want)
		return SQLITE_OK;
	if (want == SQLITE_LOCK_SHARED) {
		if (s->exclusive)
			return SQLITE_BUSY;
		s->shared++;
		*mine = want;
		return SQLITE_OK;
	}
	if (*mine < SQLITE_LOCK_RESERVED) {
		if (s->reserved || is_held(s))
			return SQLITE_BUSY;
		s->reserved = true;
		*mine = SQLITE_LOCK_RESERVED;
	}
	if (want == SQLITE_LOCK_EXCLUSIVE) {
		s->exclusive = true;
		*mine = SQLITE_LOCK_PENDING;
		if (s->shared > 1)
			return SQLITE_BUSY;
		*mine = want;
	}
	return SQLITE_OK;
}

void
sim_share_unlock(struct sim_dbshare *s, int *mine, int want)
{
	if (*mine <= want)
		return;
	if (*mine >= SQLITE_LOCK_RESERVED)
		s->reserved = s->exclusive = false;
	if (want == SQLITE_LOCK_NONE)
		s->shared--;
	*mine = want;
}

bool
sim_share_reserved(const struct sim_dbshare *s)
{
	return s->reserved;
}

int
sim_share_map(struct sim_dbshare *s, int region, int size, int extend, void volatile **out)
{
	*out = NULL;
	if (region >= s->n_regions) {
		if (!extend)
			return SQLITE_OK;
		s->region = mf_realloc_array(s->region, (size_t)region + 1, sizeof(*s->region));
		while (s->n_regions <= region)
			s->region[s->n_regions++] = mf_alloc((size_t)size);
	}
	*out = s->region[region];
	return SQLITE_OK;
}

static bool
slot_free(const struct sim_dbshare *s, unsigned i, bool want_exclusive, unsigned mine_shared)
{
	unsigned others = s->slot_shared[i] - (mine_shared >> i & 1);

	if (i == WRITE_SLOT && want_exclusive && is_held(s))
		return false;
	return !s->slot_exclusive[i] && (!want_exclusive || others == 0);
}

int
sim_share_shm(struct sim_dbshare *s, unsigned *shared, unsigned *exclusive, unsigned bits, int flags)
{
	bool ex = (flags & SQLITE_SHM_EXCLUSIVE) != 0;

	for (unsigned i = 0; i < SHM_SLOTS && (flags & SQLITE_SHM_LOCK) != 0; i++) {
		bool have = ((*exclusive | (ex ? 0 : *shared)) >> i & 1) != 0;
		if ((bits >> i & 1) != 0 && !have && !slot_free(s, i, ex, *shared))
			return SQLITE_BUSY;
	}
	for (unsigned i = 0; i < SHM_SLOTS; i++) {
		unsigned bit = 1u << i;
		if ((bits & bit) == 0)
			continue;
		if ((flags & SQLITE_SHM_UNLOCK) != 0) {
			if ((*exclusive & bit) != 0)
				s->slot_exclusive[i] = false;
			if ((*shared & bit) != 0)
				s->slot_shared[i]--;
			*exclusive &= ~bit;
			*shared &= ~bit;
		} else if (ex) {
			s->slot_exclusive[i] = true;
			*exclusive |= bit;
		} else if ((*shared & bit) == 0) {
			s->slot_shared[i]++;
			*shared |= bit;
		}
	}
	return SQLITE_OK;
}

static mf_code
connect_to(struct sim_env *e, const char *abspath, sqlite3 **out, mf_err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int sys = sim_gate(e, SIM_DB_OPEN, abspath);

	*out = NULL;
	if (sys != 0)
		return sim_fail(err, sys, "open database", abspath);
	int rc = sqlite3_open_v2(abspath, out, flags, e->vfs_name);
	if (rc != SQLITE_OK) {
		mf_code code = mf_db_fail(err, *out, rc, "open database");
		(void)sqlite3_close(*out);
		*out = NULL;
		return code;
	}
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return MF_OK;
}

mf_code
sim_op_db_open(struct mf_env *env, const char *abspath, sqlite3 **out, mf_err *err)
{
	mf_code code = connect_to((struct sim_env *)env, abspath, out, err);

	if (code != MF_OK)
		return code;
	code = mf_db_exec(*out,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; "
		"PRAGMA busy_timeout=0; PRAGMA cache_size=-1024",
		err);
	if (code != MF_OK) {
		(void)sqlite3_close(*out);
		*out = NULL;
	}
	return code;
}

mf_code
sim_op_db_sync(struct mf_env *env, const char *abspath, mf_err *err)
{
	struct sim_env *e = (struct sim_env *)env;
	char wal[512];
	struct sim_spot at;
	int sys = sim_gate(e, SIM_DB_SYNC, abspath);

	if (sys != 0)
		return sim_fail(err, sys, "sync", abspath);
	(void)snprintf(wal, sizeof(wal), "%s-wal", abspath);
	if (sim_lookup_abs(&e->host->disk, wal, &at) == 0 && at.ino != NULL)
		sim_sync_content(at.ino);
	return MF_OK;
}

mf_code
sim_op_db_checkpoint(struct mf_env *env, const char *abspath, mf_err *err)
{
	int64_t version;
	sqlite3 *db;
	mf_code code = connect_to((struct sim_env *)env, abspath, &db, err);

	if (code != MF_OK)
		return code;
	code = mf_db_int(db, "PRAGMA schema_version", &version, err);
	if (code == MF_OK) {
		int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		if (rc != SQLITE_OK)
			code = mf_db_fail(err, db, rc, "checkpoint");
	}
	(void)sqlite3_close(db);
	return code;
}

void
sim_db_hold(struct sim_host *h, const char *path, bool on)
{
	struct sim_spot at;

	if (sim_lookup_abs(&h->disk, path, &at) != 0 || at.ino == NULL)
		MF_BUG("%s: no database %s", h->name, path);
	at.ino->held = on;
}
