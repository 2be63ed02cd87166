# A target NAME: three lines here, fuzz_NAME.c (see fuzz.h), seeds in corpus/NAME/.
FUZZ_TARGETS = \
	%reldir%/fuzz_caps \
	%reldir%/fuzz_chk \
	%reldir%/fuzz_dir \
	%reldir%/fuzz_gbs \
	%reldir%/fuzz_json \
	%reldir%/fuzz_log \
	%reldir%/fuzz_mailbox \
	%reldir%/fuzz_http \
	%reldir%/fuzz_netstring \
	%reldir%/fuzz_nurl \
	%reldir%/fuzz_rendezvous \
	%reldir%/fuzz_sdmf \
	%reldir%/fuzz_serve \
	%reldir%/fuzz_snapshot \
	%reldir%/fuzz_spake2 \
	%reldir%/fuzz_websocket \
	%reldir%/fuzz_ws
%canon_reldir%_fuzz_caps_SOURCES = %reldir%/fuzz_caps.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_caps_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_chk_SOURCES = %reldir%/fuzz_chk.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_chk_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_dir_SOURCES = %reldir%/fuzz_dir.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_dir_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_gbs_SOURCES = %reldir%/fuzz_gbs.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_gbs_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_json_SOURCES = %reldir%/fuzz_json.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_json_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_log_SOURCES = %reldir%/fuzz_log.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_log_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_http_SOURCES = %reldir%/fuzz_http.c %reldir%/served.c %reldir%/served.h $(FUZZ_DRIVER)
%canon_reldir%_fuzz_http_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_netstring_SOURCES = %reldir%/fuzz_netstring.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_netstring_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_nurl_SOURCES = %reldir%/fuzz_nurl.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_nurl_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_sdmf_SOURCES = %reldir%/fuzz_sdmf.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_sdmf_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_serve_SOURCES = %reldir%/fuzz_serve.c $(FUZZ_DRIVER) tests/daemon/gbs_world.c tests/daemon/gbs_world.h
%canon_reldir%_fuzz_serve_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_snapshot_SOURCES = %reldir%/fuzz_snapshot.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_snapshot_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_mailbox_SOURCES = %reldir%/fuzz_mailbox.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_mailbox_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_spake2_SOURCES = %reldir%/fuzz_spake2.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_spake2_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_ws_SOURCES = %reldir%/fuzz_ws.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_ws_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_rendezvous_SOURCES = %reldir%/fuzz_rendezvous.c $(FUZZ_DRIVER)
%canon_reldir%_fuzz_rendezvous_LDADD = $(FUZZ_LIBS)
%canon_reldir%_fuzz_websocket_SOURCES = %reldir%/fuzz_websocket.c %reldir%/served.c %reldir%/served.h $(FUZZ_DRIVER)
%canon_reldir%_fuzz_websocket_LDADD = $(FUZZ_LIBS)

# replay.c is empty where libFuzzer brings main().
FUZZ_DRIVER = %reldir%/replay.c %reldir%/fuzz.h
FUZZ_LIBS = $(MF_LIBS) $(FUZZ_LDFLAGS)

check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += %reldir%/corpus.sh
EXTRA_DIST += %reldir%/corpus.sh %reldir%/smoke.sh %reldir%/corpus

fuzz-smoke: $(FUZZ_TARGETS)
if FUZZ
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/%reldir%/smoke.sh
else
	@echo "fuzz-smoke needs: configure CC=clang-14 --enable-fuzz --enable-sanitizers"; exit 2
endif
.PHONY: fuzz-smoke
