/*
 * Dependencies of App Container Images. The stack of the walk is the chain of parents, so a
 * manifest decides neither its depth nor its size.
 */
#include "images/aci_report.h"

#include <string.h>

bool aci_satisfies(const struct appc_dependency *dependency, const struct digest *id,
		   const char *name, const struct string_list *labels)
{
	if (dependency->id.algorithm)
		return digest_equal(&dependency->id, id) && !strcmp(dependency->name, name);
	if (strcmp(dependency->name, name))
		return false;
	for (size_t i = 0; i < dependency->labels.count; i++) {
		bool found = false;

		for (size_t j = 0; j < labels->count && !found; j++)
			found = !strcmp(dependency->labels.items[i], labels->items[j]);
		if (!found)
			return false;
	}
	return true;
}

static int add_node(struct aci_graph *graph, const struct aci_report *report, int parent,
		    struct error *err)
{
	struct aci_node *node = &graph->nodes[graph->count];
	unsigned depth = parent == ACI_NONE ? 0 : graph->nodes[parent].depth + 1;

	if (graph->count == IMAGE_LAYERS_MAX)
		return error_set(err, 0, "the image consists of more than %d images",
				 IMAGE_LAYERS_MAX);
	if (depth > ACI_DEPTH_MAX)
		return error_set(err, 0, "dependencies are more than %d levels deep",
				 ACI_DEPTH_MAX);
	for (int above = parent; above != ACI_NONE; above = graph->nodes[above].parent) {
		if (digest_equal(&graph->nodes[above].report->id, &report->id))
			return error_set(err, 0, "the image %s depends on itself", report->name);
	}
	*node = (struct aci_node){ .report = report,
				   .parent = parent,
				   .dependencies_left = report->dependency_count,
				   .depth = depth };
	return (int)graph->count++;
}

int aci_graph_build(struct aci_graph *graph, const struct aci_report *root, aci_find find,
		    void *context, struct error *err)
{
	int at;

	*graph = (struct aci_graph){ 0 };
	at = add_node(graph, root, ACI_NONE, err);
	while (at >= 0) {
		struct aci_node *node = &graph->nodes[at];
		const struct aci_report *found;

		if (node->dependencies_left == 0) {
			if (node->parent == ACI_NONE)
				return 0;
			at = node->parent;
			continue;
		}
		found = find(context, &node->report->dependencies[--node->dependencies_left], err);
		at = found ? add_node(graph, found, at, err) : -1;
	}
	return -1;
}

int aci_graph_upper(const struct aci_graph *graph, int node)
{
	int upper = ACI_NONE;

	for (int at = graph->nodes[node].parent; at != ACI_NONE; at = graph->nodes[at].parent) {
		if (graph->nodes[at].report->whitelist.count)
			upper = at;
	}
	return upper;
}
