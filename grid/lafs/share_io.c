/* A share that lies in memory. */
#include "grid/lafs/share_io.h"

mf_code
mf_share_mem_read(void *arg, uint64_t off, void *p, size_t n, size_t *got, mf_err *err)
{
	const mf_str *bytes = arg;

	(void)err;
	*got = 0;
	if (off >= bytes->n)
		return MF_OK;
	*got = bytes->n - off < n ? bytes->n - (size_t)off : n;
	if (*got > 0)
		memcpy(p, bytes->p + off, *got);
	return MF_OK;
}

mf_share_in
mf_share_in_mem(uint32_t num, const mf_str *bytes)
{
	/* arg is not const for the sake of other readers; this one only looks. */
	union {
		const mf_str *in;
		void *out;
	} arg = {.in = bytes};

	return (mf_share_in){.num = num, .size = bytes->n, .read = mf_share_mem_read, .arg = arg.out};
}
