/* Addresses of storage servers, and what identifies a certificate: golden/lafs/gbs.json. */
#include <criterion/criterion.h>
#include <openssl/pem.h>

#include "base/base32.h"
#include "grid/store/nurl.h"
#include "tests/grid/golden.h"

TestSuite(nurl, .timeout = 10);

#define PIN "sDny3Z19LxtYTnnvi-cY_qh7cRB-F_WR3YhRTaJmf7g"
#define TUBID "mrxuonq6nxnkcnzjxuyr5zyncizj2wkx"

Test(nurl, recorded_address_pins_the_recorded_certificate)
{
	json_t *gold = golden_json("lafs/gbs.json");
	const char *text = golden_str(gold, "nurl_example"), *pem = golden_str(gold, "certificate_pem");
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	mf_buf want = golden_unhex(golden_str(gold, "spki_sha256_hex")), printed = {0};
	mf_cert_ids ids;
	mf_nurl n;
	mf_err err;

	cr_assert(mf_nurl_parse(mf_strz(text), &n, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_cert_ids_of(cert, &ids, &err) == MF_OK, "%s", err.text);
	cr_assert(memcmp(n.spki, ids.spki, sizeof(n.spki)) == 0 && memcmp(n.spki, want.p, want.n) == 0);
	cr_assert(strcmp(n.place.host, "127.0.0.1") == 0 && n.place.port == 42933);
	cr_assert(strcmp(n.swissnum, "swissnum-example-12345") == 0);
	mf_nurl_print(&printed, &n);
	cr_assert(mf_str_eq(mf_buf_str(&printed), mf_strz(text)));
	mf_buf_free(&printed);
	mf_buf_free(&want);
	X509_free(cert);
	BIO_free(bio);
	json_decref(gold);
}

Test(nurl, hosts_and_ports)
{
	static const struct {
		const char *place, *host;
		unsigned port;
	} good[] = {
		{"example.net", "example.net", 443},
		{"example.net:80", "example.net", 80},
		{"[2001:db8::1]", "2001:db8::1", 443},
		{"[::ffff:192.0.2.1]:65535", "::ffff:192.0.2.1", 65535},
	};
	static const char *const bad[] = {"", ":80", "a:", "a:0", "a:65536", "a:99999999999", "a:8x", "[::1", "::1",
		"[::1]x", "[]:1", "a b:1", "a%20b", "a,b", "user:pw@host"};
	char text[512];
	mf_nurl n;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		mf_buf printed = {0};
		mf_nurl again;

		(void)snprintf(text, sizeof(text), "pb://" PIN "@%s/abc#v=1", good[i].place);
		cr_assert(mf_nurl_parse(mf_strz(text), &n, NULL) == MF_OK, "%s", text);
		cr_assert(strcmp(n.place.host, good[i].host) == 0 && n.place.port == good[i].port, "%s", text);
		mf_nurl_print(&printed, &n);
		cr_assert(mf_nurl_parse(mf_buf_str(&printed), &again, NULL) == MF_OK, "%s", text);
		cr_assert(memcmp(&again, &n, sizeof(n)) == 0, "%s", text);
		mf_buf_free(&printed);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "pb://" PIN "@%s/abc#v=1", bad[i]);
		cr_assert(mf_nurl_parse(mf_strz(text), &n, NULL) == MF_EFORMAT, "%s", text);
	}
}

Test(nurl, malformed_is_refused_and_the_secret_not_told)
{
	static const struct {
		const char *text;
		mf_code rc;
	} bad[] = {
		{"", MF_EFORMAT},
		{"https://example.net/", MF_EFORMAT},
		{"pb://" PIN "@h:1/SECRET", MF_EFORMAT},
		{"pb://" PIN "@h:1/SECRET#v=2", MF_EUNSUPPORTED},
		{"pb://" PIN "@h:1/SECRET#", MF_EUNSUPPORTED},
		{"pb+tor://" PIN "@h:1/SECRET#v=1", MF_EUNSUPPORTED},
		{"pb://" PIN "=@h:1/SECRET#v=1", MF_EFORMAT},
		{"pb://sDny3Z19LxtYTnnvi-cY_qh7cRB-F_WR3YhRTaJmf7@h:1/SECRET#v=1", MF_EFORMAT},
		{"pb://sDny3Z19LxtYTnnvi+cY/qh7cRB+F/WR3YhRTaJmf7g@h:1/SECRET#v=1", MF_EFORMAT},
		{"pb://sDny3Z19LxtYTnnvi-cY_qh7cRB-F_WR3YhRTaJmf7h@h:1/SECRET#v=1", MF_EFORMAT},
		{"pb://" PIN "@h:1/#v=1", MF_EFORMAT},
		{"pb://" PIN "@h:1#v=1", MF_EFORMAT},
		{"pb://" PIN "@h:1/SECRET/more#v=1", MF_EFORMAT},
		{"pb://" PIN "@h:1/SECRET\r\nX: y#v=1", MF_EFORMAT},
	};
	mf_nurl n;
	mf_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert(mf_nurl_parse(mf_strz(bad[i].text), &n, &err) == bad[i].rc, "%s", bad[i].text);
		cr_assert(strstr(err.text, "SECRET") == NULL, "%s", err.text);
	}
}

Test(nurl, furl_keeps_its_tcp_hints)
{
	static const char text[] =
		"pb://" TUBID "@tor:abc.onion:80,tcp:192.0.2.7:3457,i2p:x,old.example:1,tcp:[::1]:2/swiss";
	uint8_t tubid[MF_TUBID_SIZE];
	mf_furl f;
	mf_err err;

	cr_assert(mf_furl_parse(mf_strz(text), &f, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_unb32_n(tubid, sizeof(tubid), mf_strz(TUBID)));
	cr_assert(memcmp(f.tubid, tubid, sizeof(tubid)) == 0 && strcmp(f.swissnum, "swiss") == 0);
	cr_assert(f.hints == 3);
	cr_assert(strcmp(f.hint[0].host, "192.0.2.7") == 0 && f.hint[0].port == 3457);
	cr_assert(strcmp(f.hint[1].host, "old.example") == 0 && f.hint[1].port == 1);
	cr_assert(strcmp(f.hint[2].host, "::1") == 0 && f.hint[2].port == 2);
	cr_assert(mf_furl_parse(MF_STR("pb://" TUBID "@tor:abc.onion:80/swiss"), &f, NULL) == MF_EUNSUPPORTED);
	cr_assert(mf_furl_parse(MF_STR("pb://" TUBID "@/swiss"), &f, NULL) == MF_EUNSUPPORTED);
	cr_assert(mf_furl_parse(MF_STR("pb://" TUBID "@h:1/"), &f, NULL) == MF_EFORMAT);
	cr_assert(mf_furl_parse(MF_STR("pb://" TUBID "x@h:1/swiss"), &f, NULL) == MF_EFORMAT);
	cr_assert(mf_furl_parse(MF_STR("pb://" PIN "@h:1/swiss#v=1"), &f, NULL) == MF_EFORMAT);
}
