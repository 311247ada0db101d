#include "tests/unit/images/test.h"

#include "images/layer.h"
#include "images/limits.h"
#include "images/tree.h"
#include "vmm/base/bytes.h"

static unsigned forgotten;

static void forget(void *context, const struct tree_node *file)
{
	(void)context;
	(void)file;
	forgotten++;
}

static struct tree make_tree(void)
{
	struct tree tree;

	assert_int_equal(tree_init(&tree, NULL), 0);
	tree.forget = forget;
	forgotten = 0;
	return tree;
}

/* Adds a node at a path whose way exists or is made. */
static struct tree_node *put(struct tree *tree, const char *path, uint32_t mode, uint16_t layer)
{
	struct tree_node *directory, *node = tree_node_new(mode);
	struct error err = ERROR_NONE;
	const char *name;

	if (tree_walk(tree, path, TREE_WALK_CREATE, layer, &directory, &name, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(tree_add(tree, directory, name, strlen(name), node, layer, &err));
	return node;
}

static void put_link(struct tree *tree, const char *path, const char *target)
{
	struct tree_node *node = put(tree, path, S_IFLNK | 0777, 1);

	node->target = strdup(target);
	node->size_bytes = strlen(target);
}

static struct tree_entry *find(struct tree *tree, const char *path)
{
	struct tree_node *directory;
	const char *name;

	if (tree_walk(tree, path, TREE_WALK_FIND, 1, &directory, &name, NULL) <= 0)
		return NULL;
	return tree_lookup(directory, name, strlen(name));
}

static void test_walk(void **state)
{
	struct tree tree = make_tree();
	struct error err = ERROR_NONE;
	struct tree_node *directory, *file;
	const char *name;

	(void)state;
	put_link(&tree, "lib", "usr/lib");
	file = put(&tree, "lib/file", S_IFREG, 1);
	assert_ptr_equal(find(&tree, "usr/lib/file")->node, file);
	put_link(&tree, "abs", "/usr/../../usr//./lib/");
	assert_ptr_equal(find(&tree, "abs/file")->node, file);
	put_link(&tree, "usr/up", "../../..");
	assert_ptr_equal(find(&tree, "usr/up/usr/lib/file")->node, file);
	assert_null(find(&tree, "nowhere/file"));
	assert_null(find(&tree, "usr/nothing"));
	assert_int_equal(
	    tree_walk(&tree, "lib/file/x", TREE_WALK_CREATE, 1, &directory, &name, &err), -1);
	assert_non_null(strstr(err.text, "not a directory"));
	put_link(&tree, "loop", "loop");
	assert_int_equal(tree_walk(&tree, "loop/x", TREE_WALK_FIND, 1, &directory, &name, &err),
			 -1);
	assert_non_null(strstr(err.text, "symbolic links"));
	tree_free(&tree);
}

/* A route that grows with every link ends with an error, not outside of its buffer. */
static void test_long_route(void **state)
{
	struct tree tree = make_tree();
	struct error err = ERROR_NONE;
	struct tree_node *directory;
	char target[IMAGE_PATH_MAX + 1];
	const char *name;

	(void)state;
	memset(target, '/', sizeof(target));
	memcpy(target + sizeof(target) - 3, "l/", 3);
	memcpy(target, "./l/", 4);
	for (size_t i = 4; i + 4 < sizeof(target); i += 2)
		memcpy(target + i, "./", 2);
	put_link(&tree, "l", target);
	assert_int_equal(tree_walk(&tree, "l/x", TREE_WALK_FIND, 1, &directory, &name, &err), -1);
	memset(target, 'a', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	put_link(&tree, "m", target);
	assert_int_equal(tree_walk(&tree, "m/x", TREE_WALK_CREATE, 1, &directory, &name, &err), -1);
	tree_free(&tree);
}

static void test_hide_lower(void **state)
{
	struct tree tree = make_tree();

	(void)state;
	put(&tree, "d/lower", S_IFREG, 1);
	put(&tree, "d/e/lower", S_IFREG, 1);
	put(&tree, "d/e/upper", S_IFREG, 2);
	put(&tree, "d/upper", S_IFREG, 2);
	tree_hide_lower(&tree, find(&tree, "d"), 2);
	assert_null(find(&tree, "d/lower"));
	assert_null(find(&tree, "d/e/lower"));
	assert_non_null(find(&tree, "d/e/upper"));
	assert_non_null(find(&tree, "d/upper"));
	assert_int_equal(forgotten, 2);
	tree_hide_lower(&tree, find(&tree, "d"), 3);
	assert_null(find(&tree, "d"));
	assert_int_equal(forgotten, 4);
	assert_int_equal(tree.entries, 0);
	assert_int_equal(tree.root->directory->subdirectories, 0);
	tree_free(&tree);
}

static void test_links_and_removal(void **state)
{
	struct tree tree = make_tree();
	struct tree_node *file;

	(void)state;
	file = put(&tree, "a/file", S_IFREG, 1);
	assert_non_null(tree_add(&tree, tree.root, "b", 1, file, 1, NULL));
	assert_int_equal(file->links, 2);
	tree_remove(&tree, find(&tree, "a"));
	assert_int_equal(file->links, 1);
	assert_int_equal(forgotten, 0);
	tree_remove(&tree, find(&tree, "b"));
	assert_int_equal(forgotten, 1);
	assert_int_equal(tree.entries, 0);
	tree_free(&tree);
}

static void test_sorted_walk(void **state)
{
	struct tree tree = make_tree();
	struct tree_entry *entry = NULL, *last = NULL;
	unsigned count = 0;
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(path, sizeof(path), "d%u/%c%u", i % 7, (char)(1 + i * 31 % 255), i);
		if (strchr(path + 3, '/'))
			continue;
		put(&tree, path, S_IFREG, 1);
		count++;
	}
	assert_int_equal(tree_sort(&tree, NULL), 0);
	while ((entry = tree_next(&tree, entry))) {
		if (last && last->parent == entry->parent)
			assert_true(tree_compare_names(last->name, last->name_len, entry->name,
						       entry->name_len) < 0);
		assert_true(!entry->next || entry->next->previous == entry);
		count -= S_ISREG(entry->node->mode);
		last = entry;
	}
	assert_int_equal(count, 0);
	tree_free(&tree);
}

static void test_depth(void **state)
{
	struct tree tree = make_tree();
	struct tree_node *directory = tree.root;
	struct error err = ERROR_NONE;
	struct tree_node *node = NULL;

	(void)state;
	for (int i = 0; i <= IMAGE_DEPTH_MAX; i++) {
		node = tree_node_new(S_IFDIR);
		if (!tree_add(&tree, directory, "d", 1, node, 1, &err))
			break;
		directory = node;
	}
	assert_int_equal(tree.entries, IMAGE_DEPTH_MAX);
	assert_non_null(strstr(err.text, "deep"));
	tree_node_free(&tree, node);
	tree_free(&tree);
}

static void test_clean_names(void **state)
{
	static const char *const good[][2] = {
		{ "a", "a" },  { "./a", "a" },	 { "/a//b/./c/", "a/b/c" }, { ".", "" },
		{ "///", "" }, { "...", "..." }, { "a/..b", "a/..b" },
	};
	static const char *const bad[] = { "..", "a/..", "../a", "a/../b", "/.." };
	char out[IMAGE_PATH_MAX + 1];
	char name[IMAGE_PATH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(layer_clean_name(out, good[i][0], NULL), 0);
		assert_string_equal(out, good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(layer_clean_name(out, bad[i], NULL), -1);
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	assert_int_equal(layer_clean_name(out, name, NULL), -1);
	name[255] = '\0';
	assert_int_equal(layer_clean_name(out, name, NULL), 0);
	memset(name, '/', sizeof(name));
	name[IMAGE_PATH_MAX] = '\0';
	assert_int_equal(layer_clean_name(out, name, NULL), 0);
	name[IMAGE_PATH_MAX] = '/';
	name[IMAGE_PATH_MAX + 1] = '\0';
	assert_int_equal(layer_clean_name(out, name, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),	    cmocka_unit_test(test_long_route),
		cmocka_unit_test(test_hide_lower),  cmocka_unit_test(test_links_and_removal),
		cmocka_unit_test(test_sorted_walk), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_clean_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
