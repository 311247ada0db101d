/*
 * Archives, dependencies and whitelists of App Container Images. The cases of rendering are those
 * that the reference implementation's renderer is tested with.
 */
#include "tests/unit/images/test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/aci_archive.h"
#include "images/aci_report.h"
#include "images/layer_aci.h"
#include "tests/unit/images/make_tar.h"
#include "vmm/base/bytes.h"

enum { ENTRIES_MAX = 16, IMAGES_MAX = 6, LISTED_MAX = 10 };

struct entry {
	char type; /* of tar: '0' a file, '1' and '2' links, '5' a directory, '6' a FIFO */
	const char *name;
	const char *text; /* contents, or a link's target */
	unsigned mode;	  /* 0: 0644 */
};

struct image {
	const char *needs; /* the letters of its dependencies; images are a, b, c, ... */
	const char *whitelist[LISTED_MAX];
	struct entry entries[ENTRIES_MAX];
};

static struct made_tar make_archive(const struct entry *entries)
{
	struct made_tar tar = { 0 };

	for (size_t i = 0; i < ENTRIES_MAX && entries[i].name; i++) {
		const struct entry *e = &entries[i];
		bool is_file = e->type == '0';
		struct tar_header *header;
		size_t at = tar.len;

		make_entry(&tar, e->type, e->name, is_file || !e->text ? "" : e->text, e->text,
			   is_file ? strlen(e->text) : 0);
		header = (struct tar_header *)(void *)(tar.bytes + at);
		if (e->mode)
			(void)snprintf(header->mode, sizeof(header->mode), "%07o",
				       e->mode & 07777777u);
		fix_checksum(header);
	}
	make_end(&tar);
	return tar;
}

/* The reports that a graph is made of: the images of one case. */
struct reports {
	struct aci_report reports[IMAGES_MAX];
	size_t count;
};

static const struct aci_report *find(void *context, const struct appc_dependency *dependency,
				     struct error *err)
{
	const struct reports *reports = context;

	for (size_t i = 0; i < reports->count; i++) {
		const struct aci_report *report = &reports->reports[i];

		if (aci_satisfies(dependency, &report->id, report->name, &report->labels))
			return report;
	}
	(void)error_set(err, 0, "%s is missing", dependency->name);
	return NULL;
}

static void fill_report(struct aci_report *report, size_t index, const struct image *image)
{
	char name[2] = { (char)('a' + index), '\0' };

	*report = (struct aci_report){ .id = { DIGEST_SHA512, { (uint8_t)(index + 1) } } };
	report->name = strdup(name);
	for (size_t i = 0; i < LISTED_MAX && image->whitelist[i]; i++)
		assert_int_equal(string_list_add(&report->whitelist, image->whitelist[i],
						 strlen(image->whitelist[i])),
				 0);
	for (const char *need = image->needs; need && *need; need++) {
		char needed[2] = { *need, '\0' };

		report->dependencies[report->dependency_count++].name = strdup(needed);
	}
}

static void free_reports(struct reports *reports)
{
	for (size_t i = 0; i < reports->count; i++)
		aci_report_free(&reports->reports[i]);
}

static int apply(struct image_builder *builder, const struct entry *entries,
		 const struct aci_filter *filter, struct error *err)
{
	struct made_tar tar = make_archive(entries);
	struct stepping_stream stream;
	int result;

	stepping_stream_init(&stream, tar.bytes, tar.len, 1000);
	result = image_builder_apply_aci(builder, &stream.stream, filter, err);
	free(tar.bytes);
	return result;
}

/* Merges image a and all it depends on. */
static void render(struct image_builder *builder, const struct image *images, size_t count)
{
	struct reports reports = { .count = count };
	struct error err = ERROR_NONE;
	struct aci_graph graph;

	for (size_t i = 0; i < count; i++)
		fill_report(&reports.reports[i], i, &images[i]);
	assert_int_equal(aci_graph_build(&graph, &reports.reports[0], find, &reports, &err), 0);
	for (size_t i = 0; i < graph.count; i++) {
		const struct aci_report *report = graph.nodes[i].report;
		int upper = aci_graph_upper(&graph, (int)i);
		const struct aci_filter filter = { &report->whitelist,
						   upper == ACI_NONE
						       ? NULL
						       : &graph.nodes[upper].report->whitelist };

		if (apply(builder, images[report - reports.reports].entries, &filter, &err) < 0)
			fail_msg("%s", err.text);
	}
	free_reports(&reports);
}

/* The tree as lines: type, mode, size, path. */
static void list_tree(const struct tree *tree, char *out, size_t size)
{
	struct tree_entry *entry = NULL;
	size_t len = 0;

	*out = '\0';
	while ((entry = tree_next(tree, entry))) {
		const struct tree_node *node = entry->node;
		char path[256];
		size_t at = sizeof(path);

		path[--at] = '\0';
		for (const struct tree_entry *e = entry; e; e = e->parent->directory->self) {
			at -= e->name_len;
			memcpy(path + at, e->name, e->name_len);
			path[--at] = '/';
		}
		len += (size_t)snprintf(out + len, size - len, "%c %o %u %s\n",
					S_ISDIR(node->mode)   ? 'd'
					: S_ISLNK(node->mode) ? 'l'
					: S_ISREG(node->mode) ? 'f'
							      : '?',
					node->mode & 07777,
					S_ISREG(node->mode) ? (unsigned)node->size_bytes : 0,
					path + at);
	}
}

static void open_builder(struct image_builder *builder)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(image_builder_open(builder, fd, NULL), 0);
}

static void close_builder(struct image_builder *builder)
{
	int fd = builder->writer.fd;

	image_builder_close(builder);
	close(fd);
}

static void expect_tree(const struct image *images, size_t count, const char *expected)
{
	struct image_builder builder;
	char lines[4096];

	open_builder(&builder);
	render(&builder, images, count);
	assert_int_equal(tree_sort(&builder.tree, NULL), 0);
	list_tree(&builder.tree, lines, sizeof(lines));
	assert_string_equal(lines, expected);
	close_builder(&builder);
}

#define MANIFEST                                                                                   \
	{                                                                                          \
		'0', "manifest", "{}", 0                                                           \
	}

static void test_dir_from_parent(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST } },
		{ "", { NULL }, { MANIFEST, { '5', "rootfs/a", NULL, 0755 } } },
	};

	(void)state;
	expect_tree(images, 2, "d 755 0 /a\n");
}

static void test_new_dir(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST, { '5', "rootfs/a", NULL, 0755 } } },
		{ "", { NULL }, { MANIFEST } },
	};

	(void)state;
	expect_tree(images, 2, "d 755 0 /a\n");
}

static void test_dir_override(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST, { '5', "rootfs/a", NULL, 0700 } } },
		{ "", { NULL }, { MANIFEST, { '5', "rootfs/a", NULL, 0755 } } },
	};

	(void)state;
	expect_tree(images, 2, "d 700 0 /a\n");
}

static void test_file_from_parent(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST } },
		{ "", { NULL }, { MANIFEST, { '0', "rootfs/a/file01.txt", "hello", 0 } } },
	};

	(void)state;
	expect_tree(images, 2, "d 755 0 /a\nf 644 5 /a/file01.txt\n");
}

static void test_new_file(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST, { '0', "rootfs/a/file01.txt", "hellohello", 0 } } },
		{ "", { NULL }, { MANIFEST } },
	};

	(void)state;
	expect_tree(images, 2, "d 755 0 /a\nf 644 10 /a/file01.txt\n");
}

static void test_file_override(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST, { '0', "rootfs/a/file01.txt", "hellohello", 0 } } },
		{ "", { NULL }, { MANIFEST, { '0', "rootfs/a/file01.txt", "hello", 0 } } },
	};

	(void)state;
	expect_tree(images, 2, "d 755 0 /a\nf 644 10 /a/file01.txt\n");
}

static void test_file_override_dir(void **state)
{
	static const struct image images[] = {
		{ "b", { NULL }, { MANIFEST, { '0', "rootfs/a/b", "hellohello", 0 } } },
		{ "",
		  { NULL },
		  { MANIFEST,
		    { '5', "rootfs/a/b", NULL, 0700 },
		    { '5', "rootfs/a/b/c", NULL, 0700 },
		    { '0', "rootfs/a/b/c/file01", "hello", 0 } } },
	};

	(void)state;
	expect_tree(images, 2, "d 755 0 /a\nf 644 10 /a/b\n");
}

/* What the dependency of the next two cases holds. */
#define PARENT                                                                                     \
	MANIFEST, { '0', "rootfs/a/file01.txt", "hello", 0 },                                      \
	    { '0', "rootfs/a/file02.txt", "hello", 0 },                                            \
	    { '0', "rootfs/a/file03.txt", "hello", 0 },                                            \
	    { '2', "rootfs/b/link01.txt", "file01.txt", 0777 }, { '5', "rootfs/c", NULL, 0700 },   \
	    { '0', "rootfs/c/file01.txt", "hello", 0700 }, { '5', "rootfs/d", NULL, 0700 },        \
	    { '0', "rootfs/d/file01.txt", "hello", 0700 },                                         \
	{                                                                                          \
		'0', "rootfs/e/file01.txt", "hello", 0700                                          \
	}

static void test_whitelist_of_parent(void **state)
{
	static const struct image images[] = {
		{ "b",
		  { NULL },
		  { MANIFEST,
		    { '0', "rootfs/b/file01.txt", "hellohello", 0 },
		    { '0', "rootfs/c/file02.txt", "hello", 0 } } },
		{ "", { "a/file01.txt", "a/file02.txt", "b/link01.txt", "c", "d" }, { PARENT } },
	};

	(void)state;
	expect_tree(images, 2,
		    "d 755 0 /a\nf 644 5 /a/file01.txt\nf 644 5 /a/file02.txt\n"
		    "d 755 0 /b\nf 644 10 /b/file01.txt\nl 777 0 /b/link01.txt\n"
		    "d 700 0 /c\nf 644 5 /c/file02.txt\nd 700 0 /d\n");
}

static void test_whitelist_of_image(void **state)
{
	static const struct image images[] = {
		{ "b",
		  { "a/file01.txt", "a/file02.txt", "b/file01.txt", "b/link01.txt", "c/file02.txt",
		    "d" },
		  { MANIFEST,
		    { '0', "rootfs/a/file01.txt", "hellohello", 0 },
		    { '0', "rootfs/c/file02.txt", "hello", 0 } } },
		{ "", { NULL }, { PARENT } },
	};

	(void)state;
	expect_tree(images, 2,
		    "d 755 0 /a\nf 644 10 /a/file01.txt\nf 644 5 /a/file02.txt\n"
		    "d 755 0 /b\nl 777 0 /b/link01.txt\nd 755 0 /c\nf 644 5 /c/file02.txt\n"
		    "d 700 0 /d\n");
}

/* What the images of the last three cases hold. */
#define TOP                                                                                        \
	MANIFEST, { '0', "rootfs/a/file01.txt", "hellohellohello", 0 },                            \
	    { '0', "rootfs/b/file02.txt", "hello", 0 },                                            \
	{                                                                                          \
		'0', "rootfs/c/file01.txt", "hello", 0                                             \
	}
#define FIRST                                                                                      \
	MANIFEST, { '0', "rootfs/a/file01.txt", "hello", 0 },                                      \
	    { '0', "rootfs/a/file02.txt", "hello", 0 },                                            \
	    { '0', "rootfs/a/file03.txt", "hello", 0 },                                            \
	    { '0', "rootfs/a/file04.txt", "hello", 0 },                                            \
	{                                                                                          \
		'2', "rootfs/b/link01.txt", "file01.txt", 0777                                     \
	}
#define SECOND                                                                                     \
	MANIFEST, { '0', "rootfs/a/file01.txt", "hellohello", 0 },                                 \
	    { '0', "rootfs/a/file02.txt", "hellohello", 0 },                                       \
	{                                                                                          \
		'0', "rootfs/b/file01.txt", "hello", 0                                             \
	}
#define TOP_WHITELIST                                                                              \
	{                                                                                          \
		"a/file01.txt", "a/file02.txt", "a/file03.txt", "b/file01.txt", "b/file02.txt",    \
		    "b/link01.txt", "c/file01.txt"                                                 \
	}

static const char three_images[] = "d 755 0 /a\nf 644 15 /a/file01.txt\nf 644 10 /a/file02.txt\n"
				   "f 644 5 /a/file03.txt\nd 755 0 /b\nf 644 5 /b/file01.txt\n"
				   "f 644 5 /b/file02.txt\nl 777 0 /b/link01.txt\n"
				   "d 755 0 /c\nf 644 5 /c/file01.txt\n";

static void test_two_dependencies_first_lists(void **state)
{
	static const struct image images[] = {
		{ "bc", TOP_WHITELIST, { TOP } },
		{ "",
		  { "a/file01.txt", "a/file02.txt", "a/file03.txt", "a/file04.txt", "b/file01.txt",
		    "b/link01.txt" },
		  { FIRST } },
		{ "", { NULL }, { SECOND } },
	};

	(void)state;
	expect_tree(images, 3, three_images);
}

static void test_two_dependencies_second_lists(void **state)
{
	static const struct image images[] = {
		{ "bc", TOP_WHITELIST, { TOP } },
		{ "", { NULL }, { FIRST } },
		{ "", { "a/file01.txt", "a/file02.txt", "b/file01.txt" }, { SECOND } },
	};

	(void)state;
	expect_tree(images, 3, three_images);
}

static void test_three_dependencies(void **state)
{
	static const struct image images[] = {
		{ "bc", TOP_WHITELIST, { TOP } },
		{ "", { NULL }, { FIRST } },
		{ "d", { NULL }, { SECOND } },
		{ "",
		  { NULL },
		  { MANIFEST,
		    { '0', "rootfs/a/file02.txt", "hello", 0 },
		    { '0', "rootfs/b/file01.txt", "hello", 0 },
		    { '5', "rootfs/d", NULL, 0700 },
		    { '0', "rootfs/d/file01.txt", "hello", 0700 } } },
	};

	(void)state;
	expect_tree(images, 4, three_images);
}

static void test_empty_rootfs(void **state)
{
	static const struct image images[] = {
		{ "", { NULL }, { { '5', "rootfs", NULL, 0700 }, MANIFEST } },
		{ "", { "foo" }, { { '5', "rootfs", NULL, 0700 }, MANIFEST } },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct image_builder builder;

		open_builder(&builder);
		render(&builder, &images[i], 1);
		assert_int_equal(builder.tree.entries, 0);
		assert_int_equal(builder.tree.root->mode, S_IFDIR | 0700);
		close_builder(&builder);
	}
}

/* Builds the graph of images that hold nothing; returns the node above that decides about each. */
static void expect_upper(const struct image *images, size_t count, const char *order,
			 const int *uppers)
{
	struct reports reports = { .count = count };
	struct aci_graph graph;

	for (size_t i = 0; i < count; i++)
		fill_report(&reports.reports[i], i, &images[i]);
	assert_int_equal(aci_graph_build(&graph, &reports.reports[0], find, &reports, NULL), 0);
	assert_int_equal(graph.count, strlen(order));
	for (size_t i = 0; i < graph.count; i++) {
		assert_int_equal(graph.nodes[i].report->name[0], order[i]);
		assert_int_equal(aci_graph_upper(&graph, (int)i), uppers[i]);
	}
	free_reports(&reports);
}

static void test_upper_whitelist(void **state)
{
	static const struct image alone[] = { { "", { "x" }, { { 0 } } } };
	static const struct image chain[] = { { "b", { "x" }, { { 0 } } },
					      { "c", { "y" }, { { 0 } } },
					      { "", { NULL }, { { 0 } } } };
	static const struct image fork[] = { { "bc", { NULL }, { { 0 } } },
					     { "d", { NULL }, { { 0 } } },
					     { "", { "y" }, { { 0 } } },
					     { "", { NULL }, { { 0 } } } };
	/* Where the reference's search would take the whitelist of c, which has nothing to do
	 * with b. */
	static const struct image twig[] = { { "bc", { NULL }, { { 0 } } },
					     { "", { NULL }, { { 0 } } },
					     { "d", { "y" }, { { 0 } } },
					     { "", { NULL }, { { 0 } } } };

	(void)state;
	expect_upper(alone, 1, "a", (const int[]){ ACI_NONE });
	expect_upper(chain, 3, "abc", (const int[]){ ACI_NONE, 0, 0 });
	expect_upper(fork, 4, "acbd", (const int[]){ ACI_NONE, ACI_NONE, ACI_NONE, ACI_NONE });
	expect_upper(twig, 4, "acdb", (const int[]){ ACI_NONE, ACI_NONE, 1, ACI_NONE });
}

static void expect_no_graph(const struct image *images, size_t count, const char *why)
{
	struct reports reports = { .count = count };
	struct error err = ERROR_NONE;
	struct aci_graph graph;

	for (size_t i = 0; i < count; i++)
		fill_report(&reports.reports[i], i, &images[i]);
	assert_int_equal(aci_graph_build(&graph, &reports.reports[0], find, &reports, &err), -1);
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
	free_reports(&reports);
}

static void test_graph_limits(void **state)
{
	static const struct image missing[] = { { "b", { NULL }, { { 0 } } } };
	static const struct image circle[] = { { "b", { NULL }, { { 0 } } },
					       { "a", { NULL }, { { 0 } } } };
	static const struct image self[] = { { "a", { NULL }, { { 0 } } } };
	static const struct image doubled[] = {
		{ "bbb", { NULL }, { { 0 } } }, { "ccc", { NULL }, { { 0 } } },
		{ "ddd", { NULL }, { { 0 } } }, { "eee", { NULL }, { { 0 } } },
		{ "fff", { NULL }, { { 0 } } }, { "", { NULL }, { { 0 } } }
	};

	(void)state;
	expect_no_graph(missing, 1, "b is missing");
	expect_no_graph(circle, 2, "depends on itself");
	expect_no_graph(self, 1, "depends on itself");
	expect_no_graph(doubled, 6, "more than 128 images");
}

static void test_satisfies(void **state)
{
	struct string_list labels = { 0 };
	struct appc_dependency dependency = { .name = strdup("a") };
	struct digest id = { DIGEST_SHA512, { 1 } }, other = { DIGEST_SHA512, { 2 } };

	(void)state;
	assert_int_equal(string_list_add(&labels, "os=linux", 8), 0);
	assert_true(aci_satisfies(&dependency, &id, "a", &labels));
	assert_false(aci_satisfies(&dependency, &id, "b", &labels));
	assert_int_equal(string_list_add(&dependency.labels, "version=1", 9), 0);
	assert_false(aci_satisfies(&dependency, &id, "a", &labels));
	assert_int_equal(string_list_add(&labels, "version=1", 9), 0);
	assert_true(aci_satisfies(&dependency, &id, "a", &labels));
	dependency.id = id;
	assert_true(aci_satisfies(&dependency, &id, "a", &labels));
	assert_false(aci_satisfies(&dependency, &other, "a", &labels));
	assert_false(aci_satisfies(&dependency, &id, "b", &labels));
	free(dependency.name);
	string_list_free(&dependency.labels);
	string_list_free(&labels);
}

/* Applies an image below another one, which may be NULL. */
static void expect_applied(const struct entry *upper, const struct entry *entries,
			   const char *expected, const char *why)
{
	struct image_builder builder;
	const struct aci_filter filter = { 0 };
	struct error err = ERROR_NONE;
	char lines[4096];

	open_builder(&builder);
	if (upper)
		assert_int_equal(apply(&builder, upper, &filter, &err), 0);
	if (apply(&builder, entries, &filter, &err) < 0) {
		if (!why || !strstr(err.text, why))
			fail_msg("%s", err.text);
	} else {
		assert_null(why);
		assert_int_equal(tree_sort(&builder.tree, NULL), 0);
		list_tree(&builder.tree, lines, sizeof(lines));
		assert_string_equal(lines, expected);
	}
	close_builder(&builder);
}

static void test_names(void **state)
{
	static const struct {
		struct entry entries[ENTRIES_MAX];
		const char *why;
	} refused[] = {
		{ { { '0', "rootfs/../../x", "", 0 } }, "upwards" },
		{ { { '0', "rootfsX/x", "", 0 } }, "only manifest and rootfs" },
		{ { { '0', "rootfs2", "", 0 } }, "only manifest and rootfs" },
		{ { { '0', "x", "", 0 } }, "only manifest and rootfs" },
		{ { { '0', "rootfs", "", 0 } }, "must be a directory" },
		{ { { '2', "rootfs", "/", 0 } }, "must be a directory" },
		{ { { '2', "manifest", "rootfs/x", 0 } }, "must be a regular file" },
		{ { { '6', "manifest", NULL, 0 } }, "must be a regular file" },
		{ { { '1', "manifest", "rootfs/x", 0 } }, "must be a regular file" },
		{ { MANIFEST, MANIFEST }, "twice" },
		{ { { '5', "rootfs", NULL, 0 }, { '5', "./rootfs/", NULL, 0 } }, "twice" },
		{ { { '0', "rootfs/a", "", 0 }, { '0', "rootfs//a", "", 0 } }, "twice" },
		{ { { '5', "rootfs/a", NULL, 0 }, { '5', "rootfs/a/", NULL, 0 } }, "twice" },
		{ { { '0', "rootfs/a", "", 0 }, { '5', "rootfs/a", NULL, 0 } }, "twice" },
		{ { { '0', "rootfs/a/b", "", 0 }, { '0', "rootfs/a", "", 0 } },
		  "has something in it" },
		{ { { '0', "rootfs/a", "", 0 }, { '0', "rootfs/a/b", "", 0 } }, "not a directory" },
		{ { { '2', "rootfs/a", "/tmp", 0 }, { '0', "rootfs/a/b", "", 0 } },
		  "not a directory" },
		{ { { '0', "rootfs/.wh.a", "", 0 } }, "no whiteouts" },
		{ { { '0', "rootfs/a/.wh..wh..opq", "", 0 } }, "no whiteouts" },
		{ { { '1', "rootfs/a", "rootfs/b", 0 } }, "hard link's target" },
		{ { MANIFEST, { '1', "rootfs/a", "manifest", 0 } }, "not below rootfs" },
		{ { { '0', "rootfs/b", "", 0 }, { '1', "rootfs/a", "rootfs/../b", 0 } },
		  "upwards" },
		{ { { '5', "rootfs/b", NULL, 0 }, { '1', "rootfs/a", "rootfs/b", 0 } },
		  "hard link's target" },
	};
	static const struct entry good[ENTRIES_MAX] = {
		{ '5', "./", NULL, 0 },
		{ '0', "./rootfs/a/b", "12", 0 },
		{ '5', "./rootfs/a", NULL, 0711 },
		{ '1', "/rootfs/c", "./rootfs/a/b", 0 },
		{ '0', "./manifest", "{}", 0 },
		{ '2', "rootfs/l", "../../etc", 0777 },
		{ '5', "./rootfs/", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		expect_applied(NULL, refused[i].entries, "", refused[i].why);
	expect_applied(NULL, good, "d 711 0 /a\nf 644 2 /a/b\nf 644 2 /c\nl 777 0 /l\n", NULL);
}

/* What images above leave of one. */
static void test_below_others(void **state)
{
	static const struct entry upper[ENTRIES_MAX] = {
		{ '0', "rootfs/lib/z", "22", 0 },   { '0', "rootfs/file/in", "22", 0 },
		{ '2', "rootfs/dir", "usr", 0777 }, { '0', "rootfs/usr/x", "22", 0 },
		{ '5', "rootfs/mine", NULL, 0711 },
	};
	static const struct entry lower[ENTRIES_MAX] = {
		{ '5', "rootfs/usr", NULL, 0750 },	   { '0', "rootfs/usr/x", "1", 0 },
		{ '2', "rootfs/lib", "usr", 0777 },	   { '0', "rootfs/file", "1", 0 },
		{ '5', "rootfs/dir", NULL, 0700 },	   { '0', "rootfs/dir/y", "1", 0 },
		{ '1', "rootfs/hard", "rootfs/usr/x", 0 }, { '5', "rootfs/mine", NULL, 0700 },
		{ '0', "rootfs/mine/w", "1", 0 },
	};
	static const struct entry of_lower[ENTRIES_MAX] = { { '1', "rootfs/a", "rootfs/b", 0 } };

	(void)state;
	expect_applied(upper, lower,
		       "l 777 0 /dir\nd 755 0 /file\nf 644 2 /file/in\nf 644 2 /hard\n"
		       "d 755 0 /lib\nf 644 2 /lib/z\nd 711 0 /mine\nf 644 1 /mine/w\n"
		       "d 750 0 /usr\nf 644 2 /usr/x\n",
		       NULL);
	expect_applied(upper, of_lower, "", "hard link's target");
}

static void expect_manifest(const struct entry *entries, const char *expected, const char *why)
{
	struct made_tar tar = make_archive(entries);
	struct error err = ERROR_NONE;
	struct stepping_stream stream;
	char *manifest = NULL;
	size_t len;

	stepping_stream_init(&stream, tar.bytes, tar.len, 100);
	if (aci_read_manifest(&stream.stream, &manifest, &len, &err) < 0) {
		if (!why || !strstr(err.text, why))
			fail_msg("%s", err.text);
	} else {
		assert_null(why);
		assert_int_equal(len, strlen(expected));
		assert_string_equal(manifest, expected);
	}
	free(manifest);
	free(tar.bytes);
}

static void test_manifest(void **state)
{
	static const struct entry last[ENTRIES_MAX] = { { '0', "rootfs/a", "123", 0 },
							{ '0', "manifest", "{\"a\":1}", 0 } };
	static const struct entry none[ENTRIES_MAX] = { { '5', "rootfs", NULL, 0 } };
	static const struct entry alone[ENTRIES_MAX] = { MANIFEST };
	static const struct entry twice[ENTRIES_MAX] = { MANIFEST,
							 { '5', "rootfs", NULL, 0 },
							 MANIFEST };
	static const struct entry beside[ENTRIES_MAX] = { MANIFEST, { '0', "x", "", 0 } };

	(void)state;
	expect_manifest(last, "{\"a\":1}", NULL);
	expect_manifest(none, "", "no manifest");
	expect_manifest(alone, "", "no rootfs");
	expect_manifest(twice, "", "manifest: it is there twice");
	expect_manifest(beside, "", "x: an App Container Image has only");
}

static void test_large_manifest(void **state)
{
	struct made_tar tar = { 0 };
	char *text = calloc(1, 5 * 1024 * 1024);
	struct error err = ERROR_NONE;
	struct stepping_stream stream;
	char *manifest;
	size_t len;

	(void)state;
	assert_non_null(text);
	make_entry(&tar, '0', "manifest", "", text, 5 * 1024 * 1024);
	make_end(&tar);
	stepping_stream_init(&stream, tar.bytes, tar.len, 65536);
	assert_int_equal(aci_read_manifest(&stream.stream, &manifest, &len, &err), -1);
	assert_non_null(strstr(err.text, "more than 4194304 bytes"));
	free(text);
	free(tar.bytes);
}

static void test_report(void **state)
{
	struct aci_report report = { .id = { DIGEST_SHA512, { 7 } }, .compression = LAYER_XZ };
	struct aci_report back;
	uint8_t *data;
	size_t len;

	(void)state;
	report.name = strdup("example.com/app");
	report.config.user = strdup("0:0");
	report.config.working_dir = strdup("");
	report.dependency_count = 2;
	report.dependencies[0] = (struct appc_dependency){ .name = strdup("a"), .size_bytes = 9 };
	report.dependencies[1] = (struct appc_dependency){ .name = strdup("b"), .id = report.id };
	assert_int_equal(string_list_add(&report.dependencies[1].labels, "x=y", 3), 0);
	assert_int_equal(string_list_add(&report.whitelist, "a/b", 3), 0);
	assert_int_equal(string_list_add(&report.unapplied, "resource/cpu", 12), 0);
	assert_int_equal(aci_report_encode(&report, (void **)&data, &len), 0);
	assert_int_equal(aci_report_decode(&back, data, len, NULL), 0);
	assert_int_equal(back.compression, LAYER_XZ);
	assert_true(digest_equal(&back.id, &report.id));
	assert_int_equal(back.dependency_count, 2);
	assert_int_equal(back.dependencies[0].size_bytes, 9);
	assert_int_equal(back.dependencies[0].id.algorithm, 0);
	assert_string_equal(back.dependencies[1].labels.items[0], "x=y");
	assert_string_equal(back.whitelist.items[0], "a/b");
	assert_string_equal(back.unapplied.items[0], "resource/cpu");
	aci_report_free(&back);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(aci_report_decode(&back, data, cut, NULL), -1);
	free(data);
	report.name[0] = '\n';
	assert_int_equal(aci_report_encode(&report, (void **)&data, &len), 0);
	assert_int_equal(aci_report_decode(&back, data, len, NULL), -1);
	free(data);
	aci_report_free(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upper_whitelist),
		cmocka_unit_test(test_dir_from_parent),
		cmocka_unit_test(test_new_dir),
		cmocka_unit_test(test_dir_override),
		cmocka_unit_test(test_file_from_parent),
		cmocka_unit_test(test_new_file),
		cmocka_unit_test(test_file_override),
		cmocka_unit_test(test_file_override_dir),
		cmocka_unit_test(test_whitelist_of_parent),
		cmocka_unit_test(test_whitelist_of_image),
		cmocka_unit_test(test_two_dependencies_first_lists),
		cmocka_unit_test(test_two_dependencies_second_lists),
		cmocka_unit_test(test_three_dependencies),
		cmocka_unit_test(test_empty_rootfs),
		cmocka_unit_test(test_graph_limits),
		cmocka_unit_test(test_satisfies),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_below_others),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_large_manifest),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
