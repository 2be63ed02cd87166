/** @file
 * The configuration directory: global.sqlite (Python's schema, user_version 3, and tables of ours), the API
 * token, the client endpoint's file, our secrets.  Source: datamodel-and-sync.md 6.1 to 6.3, cli.md 5.
 *
 * Directory 0700, files 0600.  Everything is blocking and belongs to one thread; nothing stays locked
 * between calls.  MF_EBUSY: another program holds the database, try again later.
 */
#ifndef MF_DAEMON_CONFIG_H
#define MF_DAEMON_CONFIG_H

#include "grid/grid.h"
#include "sync/folder.h"

enum { MF_TOKEN_LEN = 44, MF_CONFIG_VERSION = 3 };

#define MF_DEFAULT_MAILBOX "ws://relay.magic-wormhole.io:4000/v1"

struct mf_config;

/** What `init` decides; all text borrowed during the call. */
typedef struct mf_config_new {
	const char *api_endpoint;    /**< server endpoint string */
	const char *client_endpoint; /**< NULL: derived from api_endpoint */
	const char *node_directory;  /**< NULL: none */
	const char *mailbox;         /**< NULL: the public one */
	const char *grid;            /**< grid URL */
} mf_config_new;

/** Make @p dir and all in it.  MF_EEXIST: there is something at @p dir; MF_EINVAL: endpoint not usable. */
mf_code mf_config_create(const char *dir, const mf_config_new *what, mf_err *err);

/** Open and upgrade.  MF_ENOTFOUND: no such configuration; MF_EUNSUPPORTED: written by a newer schema (the
 *  sentence names both versions); MF_EBUSY: locked by another program for @p busy_ms.  Later calls wait
 *  @p later_ms at most: 0 for a loop. */
mf_code mf_config_open(const char *dir, unsigned busy_ms, unsigned later_ms, struct mf_config **out, mf_err *err);
void mf_config_close(struct mf_config *c); /* NULL allowed */

/* Lent until the configuration is closed; NULL where nothing is set. */
const char *mf_config_dir(const struct mf_config *c);
const char *mf_config_api_endpoint(const struct mf_config *c);
const char *mf_config_node_directory(const struct mf_config *c);
const char *mf_config_grid(const struct mf_config *c); /**< never NULL: ours, else "node:" + node directory */
/* Read afresh, on the heap; NULL where nothing is set or the database is locked. */
char *mf_config_mailbox(struct mf_config *c);
char *mf_config_client_endpoint_column(struct mf_config *c);

/** The API token, 44 characters; made anew if the file is missing. */
mf_code mf_config_token(struct mf_config *c, char out[MF_TOKEN_LEN + 1], mf_err *err);

/** Where a client finds the daemon: the file's first line unless it is missing or "not running", else the
 *  column.  *out on the heap; MF_ENOTFOUND: not running as far as the files say. */
mf_code mf_config_client_endpoint(struct mf_config *c, char **out, mf_err *err);
/** Write file and column; NULL = not running.  The file is written even when the database is locked. */
mf_code mf_config_set_client_endpoint(struct mf_config *c, const char *endpoint, mf_err *err);

/** Each folder by name (code point order); @p grid is the folder's own grid URL or the default.  Lent during the
 *  call. */
typedef mf_code mf_config_folder_each(void *arg, const char *name, const char *state_dir, const char *grid);
mf_code mf_config_folders(struct mf_config *c, mf_config_folder_each *each, void *arg, mf_err *err);
/** @p grid NULL: the default one.  MF_EEXIST: the name is taken. */
mf_code mf_config_folder_add(
	struct mf_config *c, const char *name, const char *state_dir, const char *grid, mf_err *err);
mf_code mf_config_folder_remove(struct mf_config *c, const char *name, mf_err *err);
/** Where a new folder's state goes: DIR/folder-<URL-safe base64 of SHA-256 of the name>.  On the heap. */
char *mf_config_state_dir(const struct mf_config *c, const char *name);

/** Our convergence and lease secrets, from DIR/private/{convergence,secret} (32 bytes in base32 and a
 *  newline, as in a Tahoe node's private directory; made once), and whether the default grid's store must be there since
 *  a folder lies in it.  Wipe *out after use. */
mf_code mf_config_grid_conf(struct mf_config *c, mf_grid_conf *out, mf_err *err);

/** Read the config row of STATE_DIR/state.sqlite without changing anything.  @p name is copied. */
mf_code mf_config_folder_conf(const char *name, const char *state_dir, mf_folder_conf *out, mf_err *err);

/** Default directory: $XDG_CONFIG_HOME/magic-folder or ~/.config/magic-folder; also without HOME.  On the heap,
 *  NULL if there is no home directory. */
char *mf_config_default_dir(void);
/** "dir:$XDG_DATA_HOME/magic-folder/store" or "dir:~/.local/share/...".  On the heap, or NULL. */
char *mf_config_default_grid(void);
/** Login name as Python's getpass: LOGNAME, USER, LNAME, USERNAME, password database.  On the heap, or NULL. */
char *mf_login_name(void);

#endif
