/* Endpoint strings: the cases of api-cases.json (kinds endpoint, endpoint-address) and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "daemon/endpoint.h"

Test(endpoint, clients_are_derived_as_python_does, .timeout = 10)
{
	static const struct {
		const char *server, *client, *error;
	} rows[] = {
		{"tcp:5555", "tcp:127.0.0.1:5555", NULL},
		{"tcp:5555:interface=127.1.2.3", "tcp:127.1.2.3:5555", NULL},
		{"tcp:0:interface=127.0.0.1", "", NULL},
		{"unix:/var/run/x", "unix:/var/run/x", NULL},
		{"onion:555", NULL, "Cannot covert server endpoint of type 'onion' to client"},
		{"1234", NULL, "Cannot covert server endpoint of type '1234' to client"},
		{"garbage", NULL, "Cannot covert server endpoint of type 'garbage' to client"},
		{"tcp:port=4321", NULL, "Cannot covert server endpoint of type 'tcp' to client"},
		{"TCP:1", NULL, "Cannot covert server endpoint of type 'TCP' to client"},
		{"tcp:70000", NULL, "'70000' is not a port number (0 to 65535)"},
	};
	char out[MF_ENDPOINT_TEXT_MAX];
	mf_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		mf_code rc = mf_endpoint_derive(mf_strz(rows[i].server), out, &err);
		if (rows[i].error == NULL)
			cr_assert(rc == MF_OK && strcmp(out, rows[i].client) == 0, "%s -> %s", rows[i].server, out);
		else
			cr_assert(rc == MF_EINVAL && strcmp(err.text, rows[i].error) == 0, "%s: %s", rows[i].server,
				err.text);
	}
}

Test(endpoint, server_strings_are_taken_apart, .timeout = 10)
{
	mf_endpoint ep;

	cr_assert(mf_endpoint_server(MF_STR("tcp:port=80:interface=\\:\\:1:backlog=5"), &ep, NULL) == MF_OK);
	cr_assert(ep.kind == MF_ENDPOINT_TCP6 && ep.port == 80 && strcmp(ep.host, "::1") == 0);
	cr_assert(mf_endpoint_server(MF_STR("tcp6:0"), &ep, NULL) == MF_OK && ep.kind == MF_ENDPOINT_TCP6);
	cr_assert(mf_endpoint_server(MF_STR("unix:/a\\:b:mode=660:lockfile=0"), &ep, NULL) == MF_OK);
	cr_assert(ep.kind == MF_ENDPOINT_UNIX && strcmp(ep.path, "/a:b") == 0 && ep.mode == 0660);
	cr_assert(mf_endpoint_server(MF_STR("unix:/x"), &ep, NULL) == MF_OK && ep.mode == 0600);
}

Test(endpoint, bad_strings_are_refused, .timeout = 10)
{
	static const char *const servers[] = {"", ":", "tcp", "tcp:", "tcp:x", "tcp:-1", "tcp:65536",
		"tcp:1:interface=localhost", "tcp:1:bogus=2", "tcp:1:2", "unix:", "unix:/x:mode=9", "unix:/x:mode=7777",
		"ssl:443", "systemd:domain=INET", "tcp:1:interface=1:interface=2:a:b:c:d:e:f:g"};
	static const char *const clients[] = {
		"", "tcp:host", "tcp::1", "tcp:h:0", "tcp:h:99999", "unix:", "tls:h:1", "not running"};
	char longest[400];
	mf_endpoint ep;
	mf_err err;

	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
		cr_assert(mf_endpoint_server(mf_strz(servers[i]), &ep, &err) == MF_EINVAL && err.text[0] != '\0', "%s",
			servers[i]);
	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++)
		cr_assert(mf_endpoint_client(mf_strz(clients[i]), &ep, &err) == MF_EINVAL && err.text[0] != '\0', "%s",
			clients[i]);
	(void)snprintf(longest, sizeof(longest), "unix:/%0*d", 120, 0);
	cr_assert(mf_endpoint_server(mf_strz(longest), &ep, &err) == MF_EINVAL);
	(void)snprintf(longest, sizeof(longest), "unix:/%0*d", 380, 0);
	cr_assert(mf_endpoint_server(mf_strz(longest), &ep, &err) == MF_EINVAL);
}

Test(endpoint, addresses_print_as_python_prints_them, .timeout = 10)
{
	mf_endpoint four = {.kind = MF_ENDPOINT_TCP, .host = "127.0.0.1", .port = 1234};
	mf_endpoint six = {.kind = MF_ENDPOINT_TCP6, .host = "::1", .port = 1234}, back;
	mf_buf b = {0};

	mf_endpoint_print(&four, &b);
	cr_assert(mf_str_eq(mf_buf_str(&b), MF_STR("tcp:127.0.0.1:1234")));
	b.n = 0;
	mf_endpoint_print(&six, &b);
	cr_assert(mf_str_eq(mf_buf_str(&b), MF_STR("tcp:\\:\\:1:1234")));
	cr_assert(mf_endpoint_client(mf_buf_str(&b), &back, NULL) == MF_OK);
	cr_assert(back.kind == MF_ENDPOINT_TCP6 && back.port == 1234 && strcmp(back.host, "::1") == 0);
	mf_buf_free(&b);
}
