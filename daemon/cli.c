/* The command line. */
#include "daemon/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <config.h>
#include "daemon/files.h"

enum { G_CONFIG, G_VERSION, G_DEBUG, G_ELIOT_FD, G_ELIOT_FIELDS, G_COVERAGE, G_HELP };

static const mf_option global_options[] = {
	[G_CONFIG] = {"config", 'c', "DIR", "configuration directory (default: ~/.config/magic-folder)", NULL},
	[G_VERSION] = {"version", 'V', NULL, "print the version", NULL},
	[G_DEBUG] = {"debug", 'd', NULL, "accepted for the Python program's sake", NULL},
	[G_ELIOT_FD] = {"eliot-fd", '\0', "N", "accepted for the Python program's sake", NULL},
	[G_ELIOT_FIELDS] = {"eliot-task-fields", '\0', "JSON", "accepted for the Python program's sake", NULL},
	[G_COVERAGE] = {"coverage", '\0', NULL, "accepted for the Python program's sake", NULL},
	[G_HELP] = {"help", '\0', NULL, "print this text", NULL},
	{0},
};

enum { HELP_COLUMN = 34 };

static void
help_options(const mf_option *options, mf_buf *out)
{
	for (; options != NULL && options->name != NULL; options++) {
		size_t start = out->n;
		if (options->letter != '\0')
			mf_buf_addf(out, "  -%c, --%s", options->letter, options->name);
		else
			mf_buf_addf(out, "      --%s", options->name);
		if (options->value != NULL)
			mf_buf_addf(out, "=%s", options->value);
		do {
			mf_buf_addc(out, ' ');
		} while (out->n - start < HELP_COLUMN);
		mf_buf_addz(out, options->help);
		if (options->standard != NULL)
			mf_buf_addf(out, " [default: %s]", options->standard);
		mf_buf_addc(out, '\n');
	}
}

void
mf_cli_help(const mf_program *program, const mf_command *command, mf_buf *out)
{
	mf_buf_addf(out, "Usage: %s [global options] %s%s%s%s\n%s.\n", program->name, command->name,
		command->options != NULL ? " [options]" : "", command->words[0] != '\0' ? " " : "", command->words,
		command->summary);
	if (command->options != NULL) {
		mf_buf_addz(out, "\nOptions:\n");
		help_options(command->options, out);
		mf_buf_addz(out, "      --help                      print this text\n");
	}
	if (command->about != NULL)
		mf_buf_addf(out, "\n%s", command->about);
}

static void
help_program(const mf_program *program, mf_buf *out)
{
	mf_buf_addf(out, "Usage: %s [global options] COMMAND [options] [arguments]\n%s\n\nGlobal options:\n",
		program->name, program->about);
	help_options(global_options, out);
	mf_buf_addz(out, "\nCommands:\n");
	for (const mf_command *const *c = program->commands; *c != NULL; c++)
		mf_buf_addf(out, "  %-18s %s\n", (*c)->name, (*c)->summary);
	mf_buf_addf(out, "\n'%s COMMAND --help' explains each command.\n", program->name);
}

static void
print(mf_buf *text)
{
	(void)fwrite(text->p, 1, text->n, stdout);
	mf_buf_free(text);
}

int
mf_cli_usage(struct mf_cli *cli, const char *fmt, ...)
{
	bool ours = cli->command != NULL && cli->command->origin == MF_COMMAND_OURS;
	FILE *to = ours ? stderr : stdout;
	va_list ap;

	cli->usage_failed = true;
	va_start(ap, fmt);
	(void)fputs("Error: ", to);
	(void)vfprintf(to, fmt, ap);
	(void)fputc('\n', to);
	va_end(ap);
	return ours ? 2 : 1;
}

int
mf_cli_fail(struct mf_cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fflush(stdout);
	(void)fputs("Error: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	return cli->program->failure;
}

enum { OPEN_BUSY_MS = 15000, LATER_BUSY_MS = 5000 };

static bool
open_config(struct mf_cli *cli, unsigned later_ms)
{
	mf_err err;
	mf_code rc;

	if (cli->config != NULL)
		return true;
	rc = mf_config_open(cli->config_dir, OPEN_BUSY_MS, later_ms, &cli->config, &err);
	if (rc == MF_OK)
		return true;
	if (rc == MF_ENOTFOUND) /* here too long paths are printed whole */
		(void)mf_cli_fail(
			cli, "Unable to load configuration: '%s/global.sqlite' doesn't exist.", cli->config_dir);
	else
		(void)mf_cli_fail(cli, "Unable to load configuration: %s", err.text);
	return false;
}

char *
mf_cli_secret_word(struct mf_cli *cli, const char *word)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (strcmp(word, "-") != 0)
		return mf_strdup(mf_strz(word));
	n = getline(&line, &size, stdin);
	if (n > 0)
		line[strcspn(line, " \t\r\n")] = '\0';
	if (n <= 0 || line[0] == '\0') {
		free(line);
		(void)mf_cli_fail(cli, "nothing came on standard input");
		return NULL;
	}
	return line;
}

bool
mf_cli_config(struct mf_cli *cli)
{
	return open_config(cli, LATER_BUSY_MS);
}

bool
mf_cli_config_for_loop(struct mf_cli *cli)
{
	return open_config(cli, 0);
}

/* --eliot-fd takes a number; what would be logged there is Python's own format and is not written. */
static bool
eliot_fd_ok(const char *text)
{
	return text == NULL || (text[0] != '\0' && strspn(text, "0123456789") == strlen(text));
}

static bool
wants_help(const mf_args *args, int argc, char **argv)
{
	for (int i = 0; i < argc && (args->word == NULL || argv + i < args->word); i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

static int
run_command(struct mf_cli *cli, int argc, char **argv)
{
	const mf_program *program = cli->program;
	mf_args args = {0};
	mf_err err;
	int status;

	for (const mf_command *const *c = program->commands; *c != NULL && cli->command == NULL; c++)
		if (strcmp((*c)->name, argv[0]) == 0)
			cli->command = *c;
	if (cli->command == NULL)
		return mf_cli_usage(cli, "Unknown command: %s", argv[0]);
	/* --help wins over whatever else is wrong; a value "--help" of an option is not worth the trouble */
	mf_code rc = mf_args_parse(cli->command->options, argc - 1, argv + 1, &args, &err);
	if (wants_help(&args, argc - 1, argv + 1)) {
		mf_buf text = {0};
		mf_cli_help(program, cli->command, &text);
		print(&text);
		return 0;
	}
	if (rc != MF_OK)
		return mf_cli_usage(cli, "%s", err.text);
	if (cli->command->words[0] == '\0' && args.words > 0)
		return mf_cli_usage(cli, "Wrong number of arguments.");
	status = cli->command->run(cli, &args);
	mf_config_close(cli->config);
	return status;
}

static int
run_program(struct mf_cli *cli, int argc, char **argv)
{
	mf_args global;
	mf_err err;
	mf_buf text = {0};

	if (mf_args_parse(global_options, argc - 1, argv + 1, &global, &err) != MF_OK)
		return mf_cli_usage(cli, "%s", err.text);
	if (global.value[G_VERSION] != NULL) {
		printf("%s %s\n", cli->program->version_text, PACKAGE_VERSION);
		return 0;
	}
	if (global.value[G_HELP] != NULL) {
		help_program(cli->program, &text);
		print(&text);
		return 0;
	}
	if (!eliot_fd_ok(global.value[G_ELIOT_FD]))
		return mf_cli_usage(cli, "--eliot-fd: '%s' is not a number", global.value[G_ELIOT_FD]);
	if (global.words == 0) {
		int status = mf_cli_usage(cli, "must specify a subcommand");
		if (argc <= 1) {
			help_program(cli->program, &text);
			print(&text);
		}
		return status;
	}
	cli->config_dir =
		global.value[G_CONFIG] != NULL ? mf_path_absolute(global.value[G_CONFIG]) : mf_config_default_dir();
	if (cli->config_dir == NULL && !wants_help(&(mf_args){0}, global.words, global.word))
		return mf_cli_usage(cli, "there is no home directory: say --config DIR");
	return run_command(cli, global.words, global.word);
}

/* A closed standard stream's number would be given to the next file, socket or pipe that we open. */
static void
fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDWR); /* takes the lowest free number: this one */
}

int
mf_cli_main(const mf_program *program, int argc, char **argv)
{
	struct mf_cli cli = {.program = program};
	int status;

	fill_standard_streams();
	if (sodium_init() < 0)
		return mf_cli_fail(&cli, "the system gives no randomness");
	(void)signal(SIGPIPE, SIG_IGN); /* a client that left must not end the daemon */
	status = run_program(&cli, argc, argv);
	free(cli.config_dir);
	if (fflush(stdout) != 0 && status == 0)
		return mf_cli_fail(&cli, "cannot write to standard output");
	return status;
}
