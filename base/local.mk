libmf_a_SOURCES += \
	%reldir%/base32.c %reldir%/base32.h \
	%reldir%/buf.c %reldir%/buf.h \
	%reldir%/db.c %reldir%/db.h \
	%reldir%/env.h \
	%reldir%/env_real.c %reldir%/env_real.h \
	%reldir%/env_real_db.c \
	%reldir%/env_real_file.c \
	%reldir%/env_real_files.c \
	%reldir%/env_real_jobs.c \
	%reldir%/env_real_path.c \
	%reldir%/env_real_watch.c \
	%reldir%/env_real_watched.c \
	%reldir%/err.c %reldir%/err.h \
	%reldir%/git.c %reldir%/git.h \
	%reldir%/json.c %reldir%/json.h %reldir%/json_py.c \
	%reldir%/log.c %reldir%/log.h \
	%reldir%/sha256.c %reldir%/sha256.h \
	%reldir%/unicode.c %reldir%/unicode.h
