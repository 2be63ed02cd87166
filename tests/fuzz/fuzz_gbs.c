/* Bodies of the storage protocol: what parses packs to something that parses and packs to the same. */
#include <stdlib.h>

#include "grid/store/gbs_cbor.h"
#include "tests/fuzz/fuzz.h"

static void
same(mf_buf *a, mf_buf *b)
{
	if (!mf_str_eq(mf_buf_str(a), mf_buf_str(b)))
		abort();
	mf_buf_free(a);
	mf_buf_free(b);
}

static void
must(mf_code rc)
{
	if (rc != MF_OK)
		abort();
}

static void
version(mf_str body)
{
	mf_gbs_version v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_version(body, &v, NULL) != MF_OK)
		return;
	mf_gbs_pack_version(&a, &v);
	must(mf_gbs_parse_version(mf_buf_str(&a), &again, NULL));
	mf_gbs_pack_version(&b, &again);
	same(&a, &b);
}

static void
shares(mf_str body)
{
	mf_share_set v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_shares(body, &v, NULL) != MF_OK)
		return;
	mf_gbs_pack_shares(&a, &v);
	must(mf_gbs_parse_shares(mf_buf_str(&a), &again, NULL));
	mf_gbs_pack_shares(&b, &again);
	same(&a, &b);
}

static void
allocate(mf_str body)
{
	mf_gbs_allocate v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_allocate(body, &v, NULL) != MF_OK)
		return;
	mf_gbs_pack_allocate(&a, &v);
	must(mf_gbs_parse_allocate(mf_buf_str(&a), &again, NULL));
	mf_gbs_pack_allocate(&b, &again);
	same(&a, &b);
}

static void
allocated(mf_str body)
{
	mf_gbs_allocated v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_allocated(body, &v, NULL) != MF_OK)
		return;
	mf_gbs_pack_allocated(&a, &v);
	must(mf_gbs_parse_allocated(mf_buf_str(&a), &again, NULL));
	mf_gbs_pack_allocated(&b, &again);
	same(&a, &b);
}

static void
required(mf_str body)
{
	mf_gbs_range *v, *again;
	size_t n, m;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_required(body, &v, &n, NULL) != MF_OK)
		return;
	mf_gbs_pack_required(&a, v, n);
	must(mf_gbs_parse_required(mf_buf_str(&a), &again, &m, NULL));
	mf_gbs_pack_required(&b, again, m);
	free(v);
	free(again);
	same(&a, &b);
}

static void
corrupt(mf_str body)
{
	mf_str v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_corrupt(body, &v, NULL) != MF_OK)
		return;
	mf_gbs_pack_corrupt(&a, v);
	must(mf_gbs_parse_corrupt(mf_buf_str(&a), &again, NULL));
	mf_gbs_pack_corrupt(&b, again);
	same(&a, &b);
}

static void
rtw(mf_str body)
{
	mf_rtw v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_rtw(body, &v, NULL) == MF_OK) {
		mf_gbs_pack_rtw(&a, &v);
		must(mf_gbs_parse_rtw(mf_buf_str(&a), &again, NULL));
		mf_gbs_pack_rtw(&b, &again);
		mf_gbs_rtw_free(&again);
		same(&a, &b);
	}
	mf_gbs_rtw_free(&v);
}

static void
rtw_result(mf_str body, size_t reads)
{
	mf_rtw_result v, again;
	mf_buf a = {0}, b = {0};

	if (mf_gbs_parse_rtw_result(body, reads, &v, NULL) == MF_OK) {
		mf_gbs_pack_rtw_result(&a, &v);
		must(mf_gbs_parse_rtw_result(mf_buf_str(&a), reads, &again, NULL));
		mf_gbs_pack_rtw_result(&b, &again);
		mf_rtw_result_free(&again);
		same(&a, &b);
	}
	mf_rtw_result_free(&v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_str body = {(const char *)p, n};

	version(body);
	shares(body);
	allocate(body);
	allocated(body);
	required(body);
	corrupt(body);
	rtw(body);
	for (size_t reads = 0; reads < 3; reads++)
		rtw_result(body, reads);
	return 0;
}
