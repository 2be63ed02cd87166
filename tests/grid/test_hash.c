/* Every tagged hash, secret, MAC, the cipher and the Merkle trees, against golden/lafs/hashes.json. */
#include <stdio.h>

#include <criterion/criterion.h>

#include "grid/lafs/hash.h"
#include "grid/lafs/merkle.h"
#include "tests/grid/golden.h"

static json_t *all;

static void
load(void)
{
	all = golden_json("lafs/hashes.json");
}

static void
unload(void)
{
	json_decref(all);
}

TestSuite(hash, .init = load, .fini = unload, .timeout = 20);

static const json_t *
vector(const char *name)
{
	const json_t *v = json_object_get(all, name);

	cr_assert(v != NULL, "no vector %s", name);
	return v;
}

static mf_buf
arg(const char *name, size_t i)
{
	return golden_unhex(json_string_value(json_array_get(json_object_get(vector(name), "args_hex"), i)));
}

/* The first @p n bytes of @p got are the vector's output, and there are no more. */
static void
check(const char *name, const uint8_t *got, size_t n)
{
	mf_buf want = golden_unhex(golden_str(vector(name), "out_hex"));

	cr_assert(want.n == n && memcmp(want.p, got, n) == 0, "%s differs", name);
	mf_buf_free(&want);
}

Test(hash, tags_with_one_value)
{
	static const struct {
		const char *name;
		enum mf_tag tag;
		size_t n;
	} rows[] = {
		{"storage_index_hash(key)", MF_TAG_CHK_SI, 16},
		{"block_hash(block)", MF_TAG_BLOCK, 32},
		{"uri_extension_hash(ueb)", MF_TAG_UEB, 32},
		{"crypttext_hash(all ciphertext)", MF_TAG_CRYPTTEXT, 32},
		{"crypttext_segment_hash(segment)", MF_TAG_SEGMENT, 32},
		{"plaintext_hash(x)", MF_TAG_PLAINTEXT, 32},
		{"plaintext_segment_hash(x)", MF_TAG_PLAINTEXT_SEGMENT, 32},
		{"ssk_writekey_hash(privkey_der)", MF_TAG_WRITEKEY, 16},
		{"ssk_write_enabler_master_hash(writekey)", MF_TAG_WE_MASTER, 32},
		{"ssk_pubkey_fingerprint_hash(pubkey_der)", MF_TAG_FINGERPRINT, 32},
		{"ssk_readkey_hash(writekey)", MF_TAG_READKEY, 16},
		{"ssk_storage_index_hash(readkey)", MF_TAG_MUT_SI, 16},
		{"mutable_rwcap_salt_hash(rw_uri)", MF_TAG_CHILD_SALT, 16},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mf_buf in = arg(rows[i].name, 0);
		uint8_t out[32];
		if (rows[i].n == 16)
			mf_tag_hash16(rows[i].tag, in.p, in.n, out);
		else
			mf_tag_hash(rows[i].tag, in.p, in.n, out);
		check(rows[i].name, out, rows[i].n);
		mf_buf_free(&in);
	}
}

Test(hash, tags_with_two_values)
{
	static const struct {
		const char *name;
		enum mf_tag tag;
		size_t n;
	} rows[] = {
		{"file_renewal_secret_hash(client_renewal,si)", MF_TAG_FILE_RENEW, 32},
		{"file_cancel_secret_hash(client_cancel,si)", MF_TAG_FILE_CANCEL, 32},
		{"bucket_renewal_secret_hash(file_renewal,peerid20)", MF_TAG_BUCKET_RENEW, 32},
		{"bucket_cancel_secret_hash(file_cancel,peerid20)", MF_TAG_BUCKET_CANCEL, 32},
		{"ssk_readkey_data_hash(IV,readkey)", MF_TAG_DATAKEY, 16},
		{"mutable_rwcap_key_hash(salt,writekey)", MF_TAG_CHILD_KEY, 16},
		{"pair_hash(a,b)", MF_TAG_NODE, 32},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mf_buf a = arg(rows[i].name, 0), b = arg(rows[i].name, 1);
		uint8_t out[32];
		if (rows[i].n == 16)
			mf_tag_pair16(rows[i].tag, mf_buf_str(&a), mf_buf_str(&b), out);
		else
			mf_tag_pair(rows[i].tag, mf_buf_str(&a), mf_buf_str(&b), out);
		check(rows[i].name, out, rows[i].n);
		if (rows[i].tag == MF_TAG_NODE) {
			mf_node_hash(a.p, b.p, a.p);
			check(rows[i].name, a.p, 32);
		}
		mf_buf_free(&a);
		mf_buf_free(&b);
	}
}

Test(hash, free_tags_and_pieces)
{
	mf_buf tag = arg("tagged_hash(tag,val)", 0), val = arg("tagged_hash(tag,val)", 1);
	const json_t *c = vector("convergence_hash(k,n,segsize,data,secret)");
	struct mf_hasher *h = mf_hasher_new();
	uint8_t out[32];

	mf_tag_hash_free(mf_buf_str(&tag), val.p, val.n, out);
	check("tagged_hash(tag,val)", out, 32);
	mf_buf_free(&tag);
	mf_buf_free(&val);

	tag = golden_unhex(golden_str(c, "tag_hex"));
	val = golden_unhex(golden_str(c, "data_hex"));
	mf_hasher_start_free(h, mf_buf_str(&tag));
	for (size_t i = 0; i < val.n; i++)
		mf_hasher_add(h, val.p + i, 1);
	mf_hasher_end(h, out);
	check("convergence_hash(k,n,segsize,data,secret)", out, 16);
	mf_buf_free(&tag);
	mf_buf_free(&val);

	val = arg("block_hash(block)", 0);
	mf_hasher_start(h, MF_TAG_BLOCK); /* used a second time */
	mf_hasher_add(h, val.p, val.n);
	mf_hasher_end(h, out);
	check("block_hash(block)", out, 32);
	mf_buf_free(&val);
	mf_hasher_free(h);
}

Test(hash, long_and_short_inputs_agree)
{
	struct mf_hasher *h = mf_hasher_new();
	static uint8_t zeros[1000];

	for (size_t n = 0; n <= sizeof(zeros); n++) { /* across the edge of the stack buffer */
		uint8_t one[32], pieces[32];
		mf_tag_hash(MF_TAG_BLOCK, zeros, n, one);
		mf_hasher_start(h, MF_TAG_BLOCK);
		mf_hasher_add(h, zeros, n / 2);
		mf_hasher_add(h, zeros, n - n / 2);
		mf_hasher_end(h, pieces);
		cr_assert(memcmp(one, pieces, 32) == 0, "%zu bytes", n);
	}
	mf_hasher_free(h);
}

Test(hash, secrets)
{
	uint8_t out[32], si[16] = {0}, client[32];
	mf_buf secret = arg("my_renewal_secret_hash(lease_secret)", 0);
	mf_buf key = arg("ssk_write_enabler_hash(writekey,peerid20)", 0);
	mf_buf tub = arg("ssk_write_enabler_hash(writekey,peerid20)", 1);

	mf_client_secret(MF_LEASE_RENEW, secret.p, out);
	check("my_renewal_secret_hash(lease_secret)", out, 32);
	mf_client_secret(MF_LEASE_CANCEL, secret.p, client);
	check("my_cancel_secret_hash(lease_secret)", client, 32);
	mf_write_enabler(key.p, tub.p, out);
	check("ssk_write_enabler_hash(writekey,peerid20)", out, 32);

	/* The composed secret, from the parts proven above. */
	uint8_t file[32], want[32];
	mf_tag_pair(MF_TAG_FILE_CANCEL, mf_bytes(client, 32), mf_bytes(si, 16), file);
	mf_tag_pair(MF_TAG_BUCKET_CANCEL, mf_bytes(file, 32), mf_buf_str(&tub), want);
	mf_bucket_secret(MF_LEASE_CANCEL, client, si, tub.p, out);
	cr_assert(memcmp(out, want, 32) == 0);
	mf_buf_free(&secret);
	mf_buf_free(&key);
	mf_buf_free(&tub);
}

Test(hash, entry_mac)
{
	mf_buf key = arg("tahoe_hmac(key16,data)", 0), data = arg("tahoe_hmac(key16,data)", 1);
	uint8_t out[32];

	mf_entry_mac(key.p, data.p, data.n, out);
	check("tahoe_hmac(key16,data)", out, 32);
	mf_buf_free(&key);
	mf_buf_free(&data);
}

/* Version 1 has a constant of its own that no hash yields. */
Test(hash, mutable_container_magic)
{
	static const char line[] = "Tahoe mutable container v2\n";
	uint8_t magic[sizeof(line) - 1 + 32];

	memcpy(magic, line, sizeof(line) - 1);
	mf_tag_hash(MF_TAG_MUT_MAGIC, line, sizeof(line) - 1, magic + sizeof(line) - 1);
	check("mutable container magic v2", magic, 32);
}

Test(hash, aes_ctr_from_any_offset)
{
	const json_t *v = vector("aes128-ctr zero iv");
	mf_buf key = golden_unhex(golden_str(v, "key_hex")), plain = golden_unhex(golden_str(v, "plain_hex"));
	mf_buf want = golden_unhex(golden_str(v, "out_hex"));
	struct mf_ctr_stream *s = mf_ctr_new();
	uint8_t out[256];

	cr_assert(plain.n == want.n && plain.n <= sizeof(out));
	for (size_t off = 0; off < plain.n; off++) {
		mf_ctr(key.p, off, plain.p + off, out, plain.n - off);
		cr_assert(memcmp(out, want.p + off, plain.n - off) == 0, "offset %zu", off);
		mf_ctr_seek(s, key.p, off);
		for (size_t i = off; i < plain.n; i++)
			mf_ctr_next(s, plain.p + i, out + i, 1);
		cr_assert(memcmp(out + off, want.p + off, plain.n - off) == 0, "pieces from %zu", off);
	}
	/* 2^36 bytes in: the counter has carried beyond 32 bits.  Two ways must agree on where it stands. */
	uint8_t zero[48] = {0}, a[48], b[48];
	mf_ctr(key.p, ((uint64_t)1 << 36) - 16, zero, a, 48);
	mf_ctr(key.p, (uint64_t)1 << 36, zero, b, 32);
	cr_assert(memcmp(a + 16, b, 32) == 0 && memcmp(a, b, 16) != 0);
	mf_ctr(key.p, 0, zero, a, 32);
	cr_assert(memcmp(a, b, 32) != 0);
	mf_ctr_free(s);
	mf_buf_free(&key);
	mf_buf_free(&plain);
	mf_buf_free(&want);
}

static void
check_chain(const json_t *want, uint64_t leaves, uint64_t leaf, enum mf_chain_leaf with)
{
	uint32_t got[MF_MERKLE_DEPTH_MAX + 1];
	char name[24];
	unsigned n = mf_merkle_chain(leaves, leaf, with, got);

	(void)snprintf(name, sizeof(name), "%u", (unsigned)leaf);
	const json_t *list = json_object_get(want, name);
	cr_assert(json_array_size(list) == n, "%s of %u leaves", name, (unsigned)leaves);
	for (unsigned i = 0; i < n; i++)
		cr_assert(json_integer_value(json_array_get(list, i)) == got[i], "%s of %u leaves", name,
			(unsigned)leaves);
}

/* Every leaf climbs to the root by its chain, and by no damaged one. */
static void
check_climb(const mf_node *tree, uint64_t leaves, uint64_t leaf)
{
	mf_chain_node chain[MF_MERKLE_DEPTH_MAX + 1];
	uint32_t index[MF_MERKLE_DEPTH_MAX + 1];
	const uint8_t *hash = tree[mf_merkle_width(leaves) - 1 + leaf];
	unsigned n = mf_merkle_chain(leaves, leaf, MF_CHAIN_WITH_LEAF, index);
	mf_node root;

	for (unsigned i = 0; i < n; i++) {
		chain[i].index = index[i];
		memcpy(chain[i].hash, tree[index[i]], sizeof(mf_node));
	}
	cr_assert(mf_merkle_climb(leaves, leaf, hash, chain, n, root));
	cr_assert(memcmp(root, tree[0], sizeof(root)) == 0);
	for (unsigned i = 0; i < n; i++) {
		chain[i].hash[31] ^= 1;
		bool good = mf_merkle_climb(leaves, leaf, hash, chain, n, root);
		cr_assert(!good || memcmp(root, tree[0], sizeof(root)) != 0, "a damaged node climbs");
		chain[i].hash[31] ^= 1;
		if (n > 1 && index[i] != mf_merkle_width(leaves) - 1 + leaf) {
			chain[i].index = 1000;
			cr_assert(!mf_merkle_climb(leaves, leaf, hash, chain, n, root), "a missing node climbs");
			chain[i].index = index[i];
		}
	}
	cr_assert(!mf_merkle_climb(leaves, mf_merkle_width(leaves), hash, chain, n, root), "no such leaf");
}

Test(hash, merkle_trees)
{
	const json_t *trees = vector("hashtrees");
	const char *name;
	json_t *t;

	json_object_foreach((json_t *)(uintptr_t)trees, name, t)
	{
		const json_t *leaf = json_object_get(t, "leaves"), *want = json_object_get(t, "tree");
		uint64_t n = json_array_size(leaf), width = mf_merkle_width(n);
		mf_node tree[31] = {{0}};

		cr_assert(mf_merkle_nodes(n) == json_array_size(want) && mf_merkle_nodes(n) <= 31, "%s leaves", name);
		cr_assert(1u << mf_merkle_depth(n) == width);
		for (size_t j = 0; j < n; j++)
			cr_assert(
				mf_unhex(tree[width - 1 + j], 32, mf_strz(json_string_value(json_array_get(leaf, j)))));
		mf_merkle_fill(tree, n);
		for (size_t i = 0; i < json_array_size(want); i++) {
			mf_node w;
			cr_assert(mf_unhex(w, 32, mf_strz(json_string_value(json_array_get(want, i)))));
			cr_assert(memcmp(tree[i], w, 32) == 0, "%s leaves: node %zu", name, i);
		}
		cr_assert(mf_merkle_whole((const mf_node *)tree, n));
		for (uint64_t j = 0; j < n; j++) {
			check_chain(json_object_get(t, "needed_for_leaf(with leaf)"), n, j, MF_CHAIN_WITH_LEAF);
			check_chain(json_object_get(t, "needed_for_leaf(without leaf)"), n, j, MF_CHAIN_WITHOUT_LEAF);
			check_climb((const mf_node *)tree, n, j);
		}
		tree[mf_merkle_nodes(n) - 1][0] ^= 1;
		cr_assert(width == 1 || !mf_merkle_whole((const mf_node *)tree, n));
	}
}
