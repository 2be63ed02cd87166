/** @file
 * The HTTP API: routes, the token, and what answers look like (http-api.md). */
#ifndef MF_DAEMON_API_H
#define MF_DAEMON_API_H

#include "daemon/app.h"
#include "daemon/http1.h"
#include "daemon/jsontext.h"

/** What the HTTP server calls back into. */
typedef struct mf_api {
	struct mf_app *app;
	char token[MF_TOKEN_LEN + 1]; /**< secret */
	int64_t started_ns;           /**< wall clock */
} mf_api;

/** An mf_http_handler; @p arg is a struct mf_api.  Checks the token, finds the route, runs it. */
void mf_api_handle(void *arg, struct mf_http_req *req);

/** One route's function.  @p name is the decoded folder name of the path, or empty. */
typedef void mf_api_fn(mf_api *api, struct mf_http_req *req, mf_str name);

/* Answers: each gives the request back. */
void mf_api_json(struct mf_http_req *req, unsigned status, json_t *value); /**< steals @p value */
void mf_api_text(struct mf_http_req *req, unsigned status, mf_buf *json);  /**< takes over JSON text */
/** {"reason": TEXT} */
void mf_api_error(struct mf_http_req *req, unsigned status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** The status that a failure of ours has on the wire. */
void mf_api_fail(struct mf_http_req *req, const mf_err *err);

/* Pieces of requests: each answers by itself when it returns NULL. */
mf_app_folder *mf_api_folder(mf_api *api, struct mf_http_req *req, mf_str name);
/** Same, and the folder is open. */
struct mf_folder *mf_api_open_folder(mf_api *api, struct mf_http_req *req, mf_str name);
/** The body, which must be a JSON object; the caller's to free. */
json_t *mf_api_object(struct mf_http_req *req);

/** First value of a query key, form-decoded, appended to @p out; false if the key is not there. */
bool mf_api_query(const struct mf_http_req *req, const char *key, mf_buf *out);
/** Percent-decode; false for broken escapes, NUL, or what is no UTF-8. */
bool mf_api_decode(mf_str s, bool form, mf_buf *out);

/* api_folders.c */
mf_api_fn mf_api_list, mf_api_add, mf_api_leave;
/* api_folder.c */
mf_api_fn mf_api_participants, mf_api_add_participant, mf_api_scan, mf_api_poll, mf_api_file_status, mf_api_conflicts;
/* api_settings.c */
mf_api_fn mf_api_settings, mf_api_set;
/* api_deletes.c */
mf_api_fn mf_api_deletes, mf_api_deletes_answer;
/* api_resolve.c */
mf_api_fn mf_api_resolve;
/* api_keys.c */
mf_api_fn mf_api_keys, mf_api_trust;
/* api_status.c */
mf_api_fn mf_api_status_summary;

#endif
