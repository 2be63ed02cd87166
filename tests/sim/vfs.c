/* SQLite's files on the simulated disk. */
#include "sim_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sim_db_file {
	sqlite3_file base;
	struct sim_env *env;
	struct sim_inode *ino;
	struct sim_dbshare *share;
	int lock;
	unsigned shared, exclusive; /* our bits of the shared memory's locks */
};

static struct sim_db_file *
file_of(sqlite3_file *f)
{
	return (struct sim_db_file *)f;
}

static void
drop_locks(struct sim_db_file *f)
{
	(void)sim_share_shm(f->share, &f->shared, &f->exclusive, ~0u, SQLITE_SHM_UNLOCK);
	sim_share_unlock(f->share, &f->lock, SQLITE_LOCK_NONE);
}

static int
x_close(sqlite3_file *file)
{
	struct sim_db_file *f = file_of(file);

	drop_locks(f);
	sim_share_leave(f->share);
	if (--f->ino->opens == 0 && f->ino->links == 0)
		f->env->host->disk.unlinked++;
	f->env->open_dbs--;
	return SQLITE_OK;
}

static int
x_read(sqlite3_file *file, void *p, int n, sqlite3_int64 off)
{
	struct sim_db_file *f = file_of(file);
	uint64_t size = f->ino->data.n, from = (uint64_t)off;
	size_t got = from >= size ? 0 : size - from < (uint64_t)n ? (size_t)(size - from) : (size_t)n;

	if (sim_gate(f->env, SIM_DB_READ, "") != 0)
		return SQLITE_IOERR_READ;
	if (got > 0)
		memcpy(p, f->ino->data.p + from, got);
	memset((uint8_t *)p + got, 0, (size_t)n - got);
	return got == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int
x_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 off)
{
	struct sim_db_file *f = file_of(file);

	int sys = sim_gate(f->env, SIM_DB_WRITE, "");
	if (sys != 0)
		return sys == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return sim_do_write(f->env->host, f->ino, (uint64_t)off, p, (size_t)n) == 0 ? SQLITE_OK : SQLITE_FULL;
}

/* As a write of what is cut off, so that it can be taken back. */
static int
x_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct sim_db_file *f = file_of(file);
	size_t had = f->ino->data.n;

	if (sim_gate(f->env, SIM_DB_WRITE, "truncate") != 0)
		return SQLITE_IOERR_TRUNCATE;
	if ((size_t)size >= had)
		return SQLITE_OK;
	size_t cut = had - (size_t)size;
	void *zero = mf_alloc(cut);
	(void)sim_do_write(f->env->host, f->ino, (uint64_t)size, zero, cut);
	free(zero);
	f->ino->data.n = (size_t)size;
	return SQLITE_OK;
}

static int
x_sync(sqlite3_file *file, int flags)
{
	struct sim_db_file *f = file_of(file);

	(void)flags;
	if (sim_gate(f->env, SIM_DB_SYNC, "") != 0)
		return SQLITE_IOERR_FSYNC;
	sim_sync_content(f->ino);
	return SQLITE_OK;
}

static int
x_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	*out = (sqlite3_int64)file_of(file)->ino->data.n;
	return SQLITE_OK;
}

static int
x_lock(sqlite3_file *file, int want)
{
	return sim_share_lock(file_of(file)->share, &file_of(file)->lock, want);
}

static int
x_unlock(sqlite3_file *file, int want)
{
	sim_share_unlock(file_of(file)->share, &file_of(file)->lock, want);
	return SQLITE_OK;
}

static int
x_check_reserved(sqlite3_file *file, int *out)
{
	*out = sim_share_reserved(file_of(file)->share);
	return SQLITE_OK;
}

static int
x_file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int
x_sector_size(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int
x_characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int
x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	return sim_share_map(file_of(file)->share, region, size, extend, out);
}

static int
x_shm_lock(sqlite3_file *file, int from, int n, int flags)
{
	struct sim_db_file *f = file_of(file);

	if ((flags & SQLITE_SHM_LOCK) != 0 && sim_lock_fails(f->env))
		return SQLITE_BUSY;
	return sim_share_shm(f->share, &f->shared, &f->exclusive, ((1u << n) - 1) << from, flags);
}

static void
x_shm_barrier(sqlite3_file *file)
{
	(void)file;
}

static int
x_shm_unmap(sqlite3_file *file, int remove)
{
	(void)file;
	(void)remove;
	return SQLITE_OK;
}

const sqlite3_io_methods sim_db_methods = {
	.iVersion = 2,
	.xClose = x_close,
	.xRead = x_read,
	.xWrite = x_write,
	.xTruncate = x_truncate,
	.xSync = x_sync,
	.xFileSize = x_file_size,
	.xLock = x_lock,
	.xUnlock = x_unlock,
	.xCheckReservedLock = x_check_reserved,
	.xFileControl = x_file_control,
	.xSectorSize = x_sector_size,
	.xDeviceCharacteristics = x_characteristics,
	.xShmMap = x_shm_map,
	.xShmLock = x_shm_lock,
	.xShmBarrier = x_shm_barrier,
	.xShmUnmap = x_shm_unmap,
};

/* ---- the file system ---- */

static struct sim_env *
vfs_env(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* Database files are durable as names from the beginning; only their content has to be synced. */
static int
x_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	struct sim_env *e = vfs_env(vfs);
	struct sim_db_file *f = file_of(file);
	struct sim_spot at = {0};

	*f = (struct sim_db_file){.env = e};
	if (e->dead || (name != NULL && sim_lookup_abs(&e->host->disk, name, &at) != 0))
		return SQLITE_CANTOPEN;
	if (at.ino == NULL) {
		if (name != NULL && (flags & SQLITE_OPEN_CREATE) == 0)
			return SQLITE_CANTOPEN;
		struct sim_inode *ino = sim_inode_new(e->host, MF_KIND_FILE, 0600);
		if (name != NULL && sim_do_create(e->host, &at, ino, false) != 0)
			return SQLITE_CANTOPEN;
		at.ino = ino;
	}
	at.ino->is_db = true;
	at.ino->opens++;
	e->open_dbs++;
	f->ino = at.ino;
	(void)sim_share_join(e, at.ino, &f->share);
	f->base.pMethods = &sim_db_methods;
	if (out_flags != NULL)
		*out_flags = flags;
	return SQLITE_OK;
}

static int
x_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct sim_env *e = vfs_env(vfs);
	struct sim_spot at;

	(void)sync;
	if (sim_gate(e, SIM_DB_WRITE, name) != 0)
		return SQLITE_IOERR_DELETE;
	if (sim_lookup_abs(&e->host->disk, name, &at) != 0 || at.ino == NULL)
		return SQLITE_IOERR_DELETE_NOENT;
	return sim_do_unlink(e->host, &at, false) == 0 ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int
x_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct sim_spot at;

	(void)flags;
	*out = sim_lookup_abs(&vfs_env(vfs)->host->disk, name, &at) == 0 && at.ino != NULL;
	return SQLITE_OK;
}

static int
x_full_pathname(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)n, "%s", name) < n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int
x_randomness(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	memset(out, 7, (size_t)n);
	return n;
}

static int
x_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int
x_current_time_64(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	const struct sim_host *h = vfs_env(vfs)->host;

	*out = 210866760000000ll + (SIM_EPOCH_NS + h->world->now_ns + h->wall_offset_ns) / 1000000;
	return SQLITE_OK;
}

static int
x_current_time(sqlite3_vfs *vfs, double *out)
{
	sqlite3_int64 ms;

	(void)x_current_time_64(vfs, &ms);
	*out = (double)ms / 86400000.0;
	return SQLITE_OK;
}

static int
x_last_error(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	(void)n;
	(void)out;
	return 0;
}

void
sim_vfs_register(struct sim_env *e)
{
	/* a world has one thread; both are refused, and do no harm, once SQLite is in use */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)snprintf(e->vfs_name, sizeof(e->vfs_name), "sim-%p-%llu", (void *)e->host->world,
		(unsigned long long)++e->host->world->next_vfs);
	e->vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = sizeof(struct sim_db_file),
		.mxPathname = 512,
		.zName = e->vfs_name,
		.pAppData = e,
		.xOpen = x_open,
		.xDelete = x_delete,
		.xAccess = x_access,
		.xFullPathname = x_full_pathname,
		.xRandomness = x_randomness,
		.xSleep = x_sleep,
		.xCurrentTime = x_current_time,
		.xGetLastError = x_last_error,
		.xCurrentTimeInt64 = x_current_time_64,
	};
	if (sqlite3_vfs_register(&e->vfs, 0) != SQLITE_OK)
		MF_BUG("cannot register a file system with SQLite");
}

void
sim_vfs_unregister(struct sim_env *e)
{
	(void)sqlite3_vfs_unregister(&e->vfs);
}
