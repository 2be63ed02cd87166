/** @file
 * The command line: one table entry per command, options parsed as Python's getopt does (cli.md 1).
 *
 * `PROG [global options] COMMAND [options] [arguments]`; options end at the first word; unambiguous prefixes
 * of long options are accepted.
 */
#ifndef MF_DAEMON_CLI_H
#define MF_DAEMON_CLI_H

#include "base/buf.h"
#include "daemon/config.h"

enum { MF_CLI_MAX_OPTIONS = 16 };

/** One option; tables end with {0}. */
typedef struct mf_option {
	const char *name;  /**< long name without dashes */
	char letter;       /**< short one, or '\0' */
	const char *value; /**< what it takes, for the help; NULL: it is a flag */
	const char *help;
	const char *standard; /**< value when not given, or NULL */
} mf_option;

/** What was given: values in the order of the option table. */
typedef struct mf_args {
	const char *value[MF_CLI_MAX_OPTIONS]; /**< NULL: not given and no standard; flags: "1" */
	char **word;                           /**< arguments after the options, NULL-terminated */
	int words;
} mf_args;

struct mf_cli;

typedef struct mf_command {
	const char *name;
	const char *words;        /**< synopsis of the arguments, "" for none */
	const char *summary;      /**< one line */
	const char *about;        /**< what --help teaches below the options; may be NULL */
	const mf_option *options; /**< may be NULL */
	/** Exit status.  Commands that are ours, not Python's, end with 2 for wrong usage. */
	int (*run)(struct mf_cli *cli, const mf_args *args);
	enum mf_command_origin { MF_COMMAND_PYTHON, MF_COMMAND_OURS } origin;
} mf_command;

/** A program: its commands and how its errors look. */
typedef struct mf_program {
	const char *name;                  /**< "magic-folder" */
	const char *version_text;          /**< before the version number */
	const char *about;                 /**< first line of the help */
	const mf_command *const *commands; /**< NULL-terminated */
	int failure;                       /**< exit status of "anything else": 1, -api: 3 */
	int api_failure;                   /**< exit status of an API error: 1, -api: 2 */
} mf_program;

/** One run of a program. */
struct mf_cli {
	const mf_program *program;
	const mf_command *command;
	char *config_dir;         /**< absolute as given or the default */
	struct mf_config *config; /**< after mf_cli_config() */
	bool usage_failed;        /**< mf_cli_usage() was called */
};

int mf_cli_main(const mf_program *program, int argc, char **argv);

/** Print "Error: TEXT" for wrong usage the way the command's origin wants it; returns the exit status. */
int mf_cli_usage(struct mf_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Print "Error: TEXT" on standard error; returns the exit status of a failure. */
int mf_cli_fail(struct mf_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Open the configuration into cli->config; false: the error is printed, end with program->failure. */
bool mf_cli_config(struct mf_cli *cli);
/** Same for the daemon, whose loop must not wait for a database that another program holds. */
bool mf_cli_config_for_loop(struct mf_cli *cli);

/** A command's help: synopsis, options, text. */
void mf_cli_help(const mf_program *program, const mf_command *command, mf_buf *out);

/** Parse @p argv (the command's own options and words).  MF_EINVAL with getopt's sentence. */
mf_code mf_args_parse(const mf_option *options, int argc, char **argv, mf_args *out, mf_err *err);

/** @p word, or, where it is "-", the first line of standard input (for capabilities, which the process list
 *  would show).  On the heap; NULL and an error printed when there is nothing. */
char *mf_cli_secret_word(struct mf_cli *cli, const char *word);
/** A whole number from 1 to @p max; false otherwise. */
bool mf_positive(const char *text, unsigned max, unsigned *out);

#endif
