/* libgit2, made ready once. */
#include "base/git.h"

#include <git2.h>
#include <pthread.h>

static void
begin(void)
{
	static const int levels[] = {
		GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL};

	(void)git_libgit2_init();
	/* else the user's ~/.gitconfig and ~/.config/git/ignore would count */
	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		(void)git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
}

void
mf_git_use(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, begin);
}
