/* Situations written in letters: see planner_case.h. */
#include "tests/sync/planner_case.h"

#include <criterion/criterion.h>

#include <stdlib.h>

enum { MAX = 24 };

struct graph {
	mf_snap snap[MAX];
	mf_sid parents[MAX][MAX];
	char letter[MAX][2];
	char content_cap[MAX][2];
	size_t n;
	mf_history history;
};

struct bench {
	struct graph g;
	mf_head heads[MAX];
	mf_row rows[MAX];
	mf_sid pending[MAX], known[MAX];
	mf_facts facts;
	char names[MAX][2];
	size_t n_names;
};

static const mf_snap *
get(void *arg, mf_sid s)
{
	struct graph *g = arg;

	cr_assert(s < g->n, "snapshot %u", s);
	return &g->snap[s];
}

static mf_content
content_of(char c, bool hashed)
{
	mf_content x = {.deletion = c == '-' || c == '\0', .size = 1, .has_sha = hashed};

	x.sha[0] = (uint8_t)c;
	return x;
}

static mf_sid
sid_of(const struct graph *g, char letter)
{
	if (letter == '\0')
		return MF_SID_NONE;
	for (size_t i = 0; i < g->n; i++)
		if (g->letter[i][0] == letter)
			return (mf_sid)i;
	cr_assert(false, "no snapshot %c", letter);
	return MF_SID_NONE;
}

static void
fill_graph(struct graph *g, const char *text)
{
	g->history = (mf_history){.get = get, .arg = g};
	for (const char *t = text; t != NULL && *t != '\0'; t += strspn(t, " ")) {
		size_t i = g->n;
		mf_snap *s = &g->snap[i];
		cr_assert(i < MAX && t[1] == '=');
		g->letter[i][0] = t[0];
		s->cap = mf_strz(g->letter[i]);
		s->content = content_of(t[2], true);
		s->content.cap = mf_strz(g->letter[i]); /* as if everybody had their own secret */
		s->ours_mark = true;
		s->parents = g->parents[i];
		for (t += 3; *t != ' ' && *t != '\0'; t++) {
			if (*t == ':')
				continue;
			if (*t == '!' || *t == '?' || *t == '#') {
				s->content.has_sha = false;
				s->content.sha_unobtainable = *t == '#';
				s->ours_mark = *t != '!';
				continue;
			}
			mf_sid p = sid_of(g, *t);
			g->parents[i][s->n_parents++] = p;
			s->depth = g->snap[p].depth + 1 > s->depth ? g->snap[p].depth + 1 : s->depth;
		}
		g->n++;
	}
}

static mf_str
name(struct bench *b, char c)
{
	cr_assert(b->n_names < MAX);
	b->names[b->n_names][0] = c;
	return mf_strz(b->names[b->n_names++]);
}

static void
fill_heads(struct bench *b, const struct planner_case *c)
{
	mf_facts *f = &b->facts;

	for (const char *t = c->heads; t != NULL && *t != '\0'; t += 2 + strspn(t + 2, " ")) {
		enum mf_head_kind kind = t[1] == '?' ? MF_HEAD_UNREAD : t[1] == '-' ? MF_HEAD_NONE : MF_HEAD_CAP;
		b->heads[f->n_heads++] = (mf_head){.kind = kind,
			.participant = name(b, t[0]),
			.sid = kind == MF_HEAD_CAP ? sid_of(&b->g, t[1]) : MF_SID_NONE};
	}
	b->heads[f->n_heads++] = (mf_head){.self = true,
		.participant = name(b, 'A'),
		.kind = c->self == '?'    ? MF_HEAD_UNREAD
			: c->self == '\0' ? MF_HEAD_NONE
					  : MF_HEAD_CAP,
		.sid = c->self == '?' ? MF_SID_NONE : sid_of(&b->g, c->self)};
	f->heads = b->heads;
}

static void
fill_rows(struct bench *b, const struct planner_case *c)
{
	mf_facts *f = &b->facts;

	for (const char *t = c->rows; t != NULL && *t != '\0'; t += 3 + strspn(t + 3, " ")) {
		mf_row *r = &b->rows[f->n_rows++];
		*r = (mf_row){.slot = name(b, t[0]), .sid = sid_of(&b->g, t[1])};
		char how = t[2];
		mf_content theirs = b->g.snap[r->sid].content;
		theirs.has_sha = true;
		theirs.cap = (mf_str){NULL, 0};
		r->state = strchr("cgf", how) != NULL ? MF_ROW_CLOSING : MF_ROW_OPEN;
		r->marker_written = strchr("wde", how) != NULL;
		r->has_marker_content = strchr("wdeocgf", how) != NULL;
		r->marker_content = how == 'o' ? content_of('7', true) : theirs;
		r->marker = strchr("ndg", how) != NULL ? MF_MARKER_ABSENT : MF_MARKER_FILE;
		r->marker_now = strchr("xef", how) != NULL ? content_of('9', true) : r->marker_content;
		cr_assert(strchr("nuoxwdecgf", how) != NULL);
	}
	f->rows = b->rows;
}

static void
fill(struct bench *b, const struct planner_case *c)
{
	mf_facts *f = &b->facts;

	fill_graph(&b->g, c->graph);
	f->local = c->disk == '-' || c->disk == '\0' ? MF_LOCAL_ABSENT : MF_LOCAL_FILE;
	if (c->kind != MF_LOCAL_ABSENT)
		f->local = c->kind;
	f->disk = content_of(c->disk, !c->disk_not_hashed);
	f->base = sid_of(&b->g, c->base);
	for (const char *t = c->pending; t != NULL && *t != '\0'; t++)
		b->pending[f->n_pending++] = sid_of(&b->g, *t);
	for (const char *t = c->known; t != NULL && *t != '\0'; t++)
		b->known[f->n_known++] = sid_of(&b->g, *t);
	f->pending = b->pending;
	f->known = b->known;
	fill_heads(b, c);
	fill_rows(b, c);
	f->intent = c->intent;
	f->has_look = c->look != '\0';
	f->look_absent = c->look == '-';
	f->look = content_of(c->look, true);
	f->policy = c->read_only ? MF_READ_ONLY : MF_READ_WRITE;
	f->choice = c->choice == '\0' ? MF_CHOICE_NONE
		: c->choice == '='    ? MF_CHOICE_MINE
		: c->choice == '+'    ? MF_CHOICE_TEXT
				      : MF_CHOICE_VERSION;
	if (f->choice == MF_CHOICE_VERSION)
		f->choice_sid = sid_of(&b->g, c->choice);
}

static void
check_sids(const struct bench *b, const char *what, const char *want, const mf_sid *got, size_t n)
{
	char have[MAX + 1] = {0};

	for (size_t i = 0; i < n && i < MAX; i++)
		have[i] = b->g.letter[got[i]][0];
	cr_assert(strcmp(have, want == NULL ? "" : want) == 0, "%s: \"%s\", expected \"%s\"", what, have,
		want == NULL ? "" : want);
}

static void
check(const struct planner_case *c)
{
	struct bench *b = mf_alloc(sizeof(*b));
	mf_plan p;

	fill(b, c);
	mf_plan_path(&b->g.history, &b->facts, &p);
	cr_assert(p.act == c->act, "%s: act %d (%s), expected %d", c->name, (int)p.act, p.why, (int)c->act);
	cr_assert(p.why != NULL && *p.why != '\0');
	cr_assert(c->sid == '\0' || p.sid == sid_of(&b->g, c->sid), "%s: sid %u", c->name, p.sid);
	if (c->act == MF_ACT_NEED_CONTENT && c->sid == '\0')
		cr_assert(p.sid == MF_SID_NONE, "%s: the disk's hash was expected, not that of %u", c->name, p.sid);
	check_sids(b, c->name, c->sids, p.sids, p.n_sids);
	check_sids(b, c->name, c->known_after, p.known_after, p.n_known_after);
	cr_assert(p.base_after == sid_of(&b->g, c->base_after), "%s: base after", c->name);
	if (c->row != '\0')
		cr_assert(b->rows[p.row].slot.p[0] == c->row, "%s: row of slot %c", c->name, b->rows[p.row].slot.p[0]);
	for (size_t i = 0; c->slots != NULL && i < p.n_sids; i++)
		cr_assert(p.slots[i].n == 1 && p.slots[i].p[0] == c->slots[i], "%s: slot %zu", c->name, i);
	free(b);
}

void
planner_check(const struct planner_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(&cases[i]);
}

enum mf_relation
planner_relation(const char *graph)
{
	struct graph *g = mf_alloc(sizeof(*g));

	fill_graph(g, graph);
	enum mf_relation rel = mf_relate(&g->history, sid_of(g, 'x'), sid_of(g, 'r'));
	free(g);
	return rel;
}
