#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/must.h"
#include "engine/view.h"
#include "store/fail.h"
#include "store/hash.h"

/* LMDB's layout, data version 1 (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta), by offsets:
 *   page   0 number:8  8 pad:2  10 kind:2  12 lower:2  14 upper:2 (overflow: 12 pages:4)  16 node offsets:2 each
 *   node   0 lo:2  2 hi:2  4 flags:2  6 key length:2  8 key, then data
 *   tree   0 pad:4 (of the free tree: page size)  4 flags:2  6 depth:2  8 branches  16 leaves  24 overflows  32 entries  40 root
 *   meta   page header, then 0 magic:4  4 version:4  8 address  16 map size  24 free tree  72 main tree  120 last page  128 txn */
#define MAGIC 0xbeefc0deu
#define VERSION 1u
#define PAGE_HEADER 16u
#define NODE_HEADER 8u
#define TREE_BYTES 48u
#define META_BYTES 136u
#define KIND_BRANCH 0x01u
#define KIND_LEAF 0x02u
#define KIND_OVERFLOW 0x04u
#define KIND_META 0x08u
#define NODE_BIG 0x01u
#define NODE_TREE 0x02u
#define FLAG_FIXED_MAP 0x01u
#define DEPTH_MAX 32u /* CURSOR_STACK in mdb.c */
#define NO_PAGE UINT64_MAX
#define CHECKSUM_BYTES 8u

enum tree_kind {
    TREE_FREE,
    TREE_MAIN,
    TREE_META,
    TREE_ROWS
};

/* One tree while it is walked: what its record promises, what was counted. */
struct tree {
    enum tree_kind kind;
    uint8_t table_id; /* of TREE_ROWS */
    uint16_t depth;
    uint64_t branches;
    uint64_t leaves;
    uint64_t overflows;
    uint64_t entries;
    uint64_t root;
    uint64_t branches_seen;
    uint64_t leaves_seen;
    uint64_t overflows_seen;
    uint64_t entries_seen;
};

/* Where a page's keys must lie: low <= key < high; absent means no bound. */
struct bounds {
    struct sunder_str low;
    struct sunder_str high;
};

struct walk {
    void *mapped;
    const uint8_t *file;
    uint64_t file_bytes;
    uint64_t page_bytes;
    uint64_t last_page;
    uint64_t txn;
    uint8_t *seen; /* one bit per page */
    uint64_t rows;
    const struct sunder_store_options *options;
    struct sunder_fail *fail;
};

struct node {
    uint16_t flags;
    struct sunder_str key;
    struct sunder_str data; /* of a leaf; overflow pages resolved */
    uint64_t child;         /* of a branch */
};

static uint16_t u16(const uint8_t *at)
{
    uint16_t value = 0;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint32_t u32(const uint8_t *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t u64(const void *at)
{
    uint64_t value = 0;
    memcpy(&value, at, sizeof(value));
    return value;
}

static enum sunder_err bad(const struct walk *walk, uint64_t page, const char *what)
{
    return sunder_fail_set(walk->fail,
        SUNDER_ERR_CORRUPT,
        0,
        "the state file is damaged: page %llu: %s",
        (unsigned long long)page,
        what);
}

/* Notes that pages are in use; each may be once only. */
static enum sunder_err claim(struct walk *walk, uint64_t page, uint64_t count)
{
    if (page < 2 || page > walk->last_page || count > walk->last_page - page + 1) {
        return bad(walk, page, "outside the file");
    }
    for (uint64_t i = page; i < page + count; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        if ((walk->seen[i / 8] & bit) != 0) {
            return bad(walk, i, "used twice");
        }
        walk->seen[i / 8] |= bit;
    }
    return SUNDER_OK;
}

static const uint8_t *page_at(const struct walk *walk, uint64_t page)
{
    return walk->file + (page * walk->page_bytes);
}

/* The data of a big node, which lies in pages of its own. */
static enum sunder_err read_overflow(
    struct walk *walk, struct tree *tree, uint64_t page, uint32_t len, struct sunder_str *ret_data)
{
    enum sunder_err err = claim(walk, page, 1);
    if (err != SUNDER_OK) {
        return err;
    }
    const uint8_t *at = page_at(walk, page);
    uint64_t count = u32(at + 12);
    if (u64(at) != page || u16(at + 10) != KIND_OVERFLOW || count == 0) {
        return bad(walk, page, "not the overflow page it should be");
    }
    if (PAGE_HEADER + (uint64_t)len > count * walk->page_bytes) {
        return bad(walk, page, "a value longer than its pages");
    }
    if (count > 1) {
        err = claim(walk, page + 1, count - 1);
    }
    tree->overflows_seen += count;
    const void *data = at + PAGE_HEADER;
    *ret_data = (struct sunder_str){data, len};
    return err;
}

static enum sunder_err read_node(
    struct walk *walk, struct tree *tree, uint64_t page, uint32_t index, struct node *ret_node)
{
    const uint8_t *at = page_at(walk, page);
    uint32_t offset = u16(at + PAGE_HEADER + (2 * (uint64_t)index));
    if (offset < u16(at + 14) || offset + NODE_HEADER > walk->page_bytes) {
        return bad(walk, page, "a node outside its page");
    }
    const uint8_t *node = at + offset;
    uint32_t low = u16(node) | ((uint32_t)u16(node + 2) << 16);
    uint32_t key_len = u16(node + 6);
    uint64_t end = (uint64_t)offset + NODE_HEADER + key_len;
    const void *key = node + NODE_HEADER;
    *ret_node = (struct node){.flags = u16(node + 4), .key = {key, key_len}};
    if (u16(at + 10) == KIND_BRANCH) {
        ret_node->child = low | ((uint64_t)ret_node->flags << 32);
        return end > walk->page_bytes ? bad(walk, page, "a key outside its page") : SUNDER_OK;
    }
    bool is_big = (ret_node->flags & NODE_BIG) != 0;
    end += is_big ? sizeof(uint64_t) : low;
    if (end > walk->page_bytes) {
        return bad(walk, page, "a row outside its page");
    }
    const void *data = node + NODE_HEADER + key_len;
    if (is_big) {
        return read_overflow(walk, tree, u64(data), low, &ret_node->data);
    }
    ret_node->data = (struct sunder_str){data, low};
    return SUNDER_OK;
}

static int compare(const struct tree *tree, struct sunder_str a, struct sunder_str b)
{
    if (tree->kind == TREE_FREE) {
        return (u64(a.at) > u64(b.at)) - (u64(a.at) < u64(b.at));
    }
    return sunder_str_compare(a, b);
}

static enum sunder_err check_key(const struct walk *walk,
    const struct tree *tree,
    uint64_t page,
    struct bounds bounds,
    struct sunder_str key)
{
    if (key.len == 0 || (tree->kind == TREE_FREE && key.len != sizeof(uint64_t))) {
        return bad(walk, page, "a key of a wrong length");
    }
    bool is_inside = (sunder_str_absent(bounds.low) || compare(tree, bounds.low, key) <= 0) &&
                     (sunder_str_absent(bounds.high) || compare(tree, key, bounds.high) < 0);
    return is_inside ? SUNDER_OK : bad(walk, page, "keys out of order");
}

/* A list of free pages: their count, then their numbers falling. */
static enum sunder_err check_free(struct walk *walk, uint64_t page, const struct node *node)
{
    if (u64(node->key.at) > walk->txn || node->data.len < sizeof(uint64_t)) {
        return bad(walk, page, "a free list that cannot be");
    }
    uint64_t count = u64(node->data.at);
    if (count > (node->data.len / sizeof(uint64_t)) - 1) {
        return bad(walk, page, "a free list longer than its row");
    }
    for (uint64_t i = 1; i <= count; i++) {
        enum sunder_err err = claim(walk, u64(node->data.at + (i * sizeof(uint64_t))), 1);
        if (err != SUNDER_OK) {
            return err;
        }
    }
    return SUNDER_OK;
}

static enum sunder_err check_row(
    const struct walk *walk, const struct tree *tree, uint64_t page, const struct node *node)
{
    uint32_t head = tree->kind == TREE_ROWS ? 1 : 0; /* The first byte is the table, not stored. */
    char bytes[SUNDER_ROW_KEY_MAX];
    if (node->key.len + head > sizeof(bytes) || node->data.len < CHECKSUM_BYTES) {
        return bad(walk, page, "a row of a wrong length");
    }
    bytes[0] = (char)tree->table_id;
    memcpy(bytes + head, node->key.at, node->key.len);
    struct sunder_str key = {bytes, node->key.len + head};
    uint64_t sum =
        sunder_hash_row(key, node->data.at + CHECKSUM_BYTES, node->data.len - CHECKSUM_BYTES);
    return sum == u64(node->data.at) ? SUNDER_OK : bad(walk, page, "a row's checksum is wrong");
}

static enum sunder_err walk_tree(struct walk *walk, struct tree *tree);

static struct tree tree_of(const uint8_t *at, enum tree_kind kind)
{
    return (struct tree){
        .kind = kind,
        .depth = u16(at + 6),
        .branches = u64(at + 8),
        .leaves = u64(at + 16),
        .overflows = u64(at + 24),
        .entries = u64(at + 32),
        .root = u64(at + 40),
    };
}

/* A row of the main tree: a name and the record of its tree. */
static enum sunder_err walk_named(struct walk *walk, uint64_t page, const struct node *node)
{
    uint8_t record[TREE_BYTES];
    if (node->flags != NODE_TREE || node->data.len != TREE_BYTES) {
        return bad(walk, page, "not the record of a table");
    }
    memcpy(record, node->data.at, TREE_BYTES);
    if (u16(record + 4) != 0) {
        return bad(walk, page, "a table of a kind we do not use");
    }
    struct tree tree = tree_of(record, TREE_META);
    if (sunder_str_equal(node->key, SUNDER_STR("meta"))) {
        return walk_tree(walk, &tree);
    }
    const struct sunder_store_options *options = walk->options;
    for (uint32_t i = 0; i < options->table_count; i++) {
        if (sunder_str_equal(node->key, sunder_str_of(options->tables[i].name))) {
            tree.kind = TREE_ROWS;
            tree.table_id = options->tables[i].id;
            enum sunder_err err = walk_tree(walk, &tree);
            walk->rows += tree.entries;
            return err;
        }
    }
    return sunder_fail_set(walk->fail,
        SUNDER_ERR_UNSUPPORTED,
        0,
        "the state file has a table \"%.*s\" that this version does not know",
        (int)(node->key.len > 60 ? 60 : node->key.len),
        node->key.at);
}

static enum sunder_err walk_leaf_node(
    struct walk *walk, struct tree *tree, uint64_t page, const struct node *node)
{
    tree->entries_seen += 1;
    if (tree->kind == TREE_MAIN) {
        return walk_named(walk, page, node);
    }
    if ((node->flags & ~NODE_BIG) != 0) {
        return bad(walk, page, "a row of a kind we do not use");
    }
    if (tree->kind == TREE_FREE) {
        return check_free(walk, page, node);
    }
    return check_row(walk, tree, page, node);
}

static enum sunder_err check_header(
    struct walk *walk, struct tree *tree, uint64_t page, uint16_t level)
{
    enum sunder_err err = claim(walk, page, 1);
    if (err != SUNDER_OK) {
        return err;
    }
    bool is_leaf = level == tree->depth;
    *(is_leaf ? &tree->leaves_seen : &tree->branches_seen) += 1;
    const uint8_t *at = page_at(walk, page);
    uint16_t lower = u16(at + 12);
    uint16_t upper = u16(at + 14);
    if (u64(at) != page || u16(at + 10) != (is_leaf ? KIND_LEAF : KIND_BRANCH)) {
        return bad(walk, page, "not the page it should be");
    }
    if (lower < PAGE_HEADER + 2 || lower % 2 != 0 || lower > upper || upper > walk->page_bytes) {
        return bad(walk, page, "bounds that cannot be");
    }
    return SUNDER_OK;
}

static enum sunder_err walk_leaf(
    struct walk *walk, struct tree *tree, uint64_t page, struct bounds bounds)
{
    uint32_t count = (u16(page_at(walk, page) + 12) - PAGE_HEADER) / 2u;
    enum sunder_err err = SUNDER_OK;
    struct sunder_str before = {0};
    for (uint32_t i = 0; err == SUNDER_OK && i < count; i++) {
        struct node node;
        err = read_node(walk, tree, page, i, &node);
        if (err == SUNDER_OK) {
            err = check_key(walk, tree, page, bounds, node.key);
        }
        if (err == SUNDER_OK && i > 0 && compare(tree, before, node.key) >= 0) {
            err = bad(walk, page, "keys out of order");
        }
        if (err == SUNDER_OK) {
            err = walk_leaf_node(walk, tree, page, &node);
        }
        before = node.key;
    }
    return err;
}

/* Recursion is as deep as the tree: at most DEPTH_MAX, twice (main tree, then a table). */
static enum sunder_err walk_page(
    struct walk *walk, struct tree *tree, uint64_t page, uint16_t level, struct bounds bounds)
{
    enum sunder_err err = check_header(walk, tree, page, level);
    if (err != SUNDER_OK) {
        return err;
    }
    if (level == tree->depth) {
        return walk_leaf(walk, tree, page, bounds);
    }
    uint32_t count = (u16(page_at(walk, page) + 12) - PAGE_HEADER) / 2u;
    struct node node;
    err = read_node(walk, tree, page, 0, &node);
    struct bounds inner = {.low = bounds.low};
    for (uint32_t i = 0; err == SUNDER_OK && i < count; i++) {
        struct node next = {0};
        inner.high = bounds.high;
        if (i + 1 < count) {
            err = read_node(walk, tree, page, i + 1, &next);
            if (err == SUNDER_OK) {
                err =
                    check_key(walk, tree, page, (struct bounds){inner.low, bounds.high}, next.key);
            }
            inner.high = next.key;
        }
        if (err == SUNDER_OK) {
            err = walk_page(walk, tree, node.child, (uint16_t)(level + 1), inner);
        }
        inner.low = next.key;
        node = next;
    }
    return err;
}

static enum sunder_err walk_tree(struct walk *walk, struct tree *tree)
{
    if (tree->root == NO_PAGE) {
        bool is_empty = tree->depth == 0 && tree->entries == 0 && tree->overflows == 0;
        return is_empty ? SUNDER_OK : bad(walk, 0, "an empty tree with rows");
    }
    if (tree->depth == 0 || tree->depth > DEPTH_MAX) {
        return bad(walk, tree->root, "a tree of a depth that cannot be");
    }
    enum sunder_err err = walk_page(walk, tree, tree->root, 1, (struct bounds){0});
    bool is_complete = tree->branches == tree->branches_seen && tree->leaves == tree->leaves_seen &&
                       tree->overflows == tree->overflows_seen &&
                       tree->entries == tree->entries_seen;
    if (err == SUNDER_OK && !is_complete) {
        return bad(walk, tree->root, "a tree with other counts than its record");
    }
    return err;
}

/* Checks one of the two meta pages; LMDB takes the one with the higher transaction, and wants both sound. */
static enum sunder_err check_meta(struct walk *walk, uint64_t page)
{
    const uint8_t *at = page_at(walk, page);
    const uint8_t *meta = at + PAGE_HEADER;
    if (u64(at) != page || u16(at + 10) != KIND_META || u32(meta) != MAGIC) {
        return bad(walk, page, "not a meta page");
    }
    if (u32(meta + 4) != VERSION) {
        return sunder_fail_set(walk->fail,
            SUNDER_ERR_UNSUPPORTED,
            0,
            "the state file is of another LMDB version (%u)",
            u32(meta + 4));
    }
    uint64_t last_page = u64(meta + 120);
    bool is_sound = u32(meta + 24) == walk->page_bytes && u64(meta + 8) == 0 &&
                    (u16(meta + 24 + 4) & FLAG_FIXED_MAP) == 0 && u16(meta + 72 + 4) == 0 &&
                    last_page >= 1 && last_page < walk->file_bytes / walk->page_bytes;
    return is_sound ? SUNDER_OK : bad(walk, page, "a meta page that cannot be");
}

static enum sunder_err walk_file(struct walk *walk)
{
    if (walk->file_bytes < PAGE_HEADER + META_BYTES) {
        return bad(walk, 0, "the file is cut short");
    }
    walk->page_bytes = u32(walk->file + PAGE_HEADER + 24);
    bool is_size = walk->page_bytes >= 512 && walk->page_bytes <= 65536 &&
                   (walk->page_bytes & (walk->page_bytes - 1)) == 0;
    if (!is_size || walk->file_bytes / walk->page_bytes < 2) {
        return bad(walk, 0, "not a meta page");
    }
    enum sunder_err err = check_meta(walk, 0);
    err = err == SUNDER_OK ? check_meta(walk, 1) : err;
    if (err != SUNDER_OK) {
        return err;
    }
    uint64_t txn_0 = u64(page_at(walk, 0) + PAGE_HEADER + 128);
    uint64_t txn_1 = u64(page_at(walk, 1) + PAGE_HEADER + 128);
    const uint8_t *meta = page_at(walk, txn_1 > txn_0 ? 1 : 0) + PAGE_HEADER;
    walk->txn = txn_1 > txn_0 ? txn_1 : txn_0;
    walk->last_page = u64(meta + 120);
    /* Trees lie scattered; a cold file is read in one sweep instead of page by page. A wish. */
    (void)madvise(walk->mapped, (walk->last_page + 1) * walk->page_bytes, MADV_WILLNEED);
    walk->seen = calloc(1, (walk->last_page / 8) + 1);
    if (walk->seen == NULL) {
        return sunder_fail_set(walk->fail, SUNDER_ERR_FULL, 0, "no memory to check the state file");
    }
    struct tree free_tree = tree_of(meta + 24, TREE_FREE);
    struct tree main_tree = tree_of(meta + 72, TREE_MAIN);
    err = walk_tree(walk, &free_tree);
    return err == SUNDER_OK ? walk_tree(walk, &main_tree) : err;
}

static enum sunder_err fail_io(struct sunder_fail *fail, const char *what, const char *path)
{
    int number = errno;
    return sunder_fail_set(
        fail, SUNDER_ERR_IO, number, "cannot %s %s: %s", what, path, strerror(number));
}

enum sunder_err sunder_walk_check(const char *path,
    const struct sunder_store_options *options,
    uint64_t *ret_rows,
    struct sunder_fail *reterr_fail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_io(reterr_fail, "open", path);
    }
    struct stat stat_of_file;
    void *file = MAP_FAILED;
    if (fstat(fd, &stat_of_file) == 0) {
        file = mmap(NULL, (size_t)stat_of_file.st_size, PROT_READ, MAP_SHARED, fd, 0);
    }
    enum sunder_err err = file == MAP_FAILED ? fail_io(reterr_fail, "read", path) : SUNDER_OK;
    (void)close(fd);
    if (err != SUNDER_OK) {
        return err;
    }
    struct walk walk = {
        .mapped = file,
        .file = file,
        .file_bytes = (uint64_t)stat_of_file.st_size,
        .options = options,
        .fail = reterr_fail,
    };
    err = walk_file(&walk);
    free(walk.seen);
    (void)munmap(file, (size_t)stat_of_file.st_size);
    if (err == SUNDER_OK) {
        *ret_rows = walk.rows;
    }
    return err;
}
