/*
 * Ports of a manifest: by name, the app's port behind each (appc spec, pods.md, "ports").
 */
#include <string.h>

#include "vmm/pod/merge_internal.h"

/* The one port of this name that the apps declare. */
static const struct image_port *find_port(const struct assembly *assembly, const char *name,
					  struct error *err)
{
	const struct image_port *found = NULL;

	for (size_t i = 0; i < assembly->pod.app_count; i++) {
		const struct image_config *config = assembly->bases[i];

		for (size_t j = 0; j < config->port_count; j++) {
			if (strcmp(config->ports[j].name, name) != 0)
				continue;
			if (found) {
				error_set(
				    err, 0,
				    "the port %s: several apps have one of this name; podPort "
				    "says which is meant",
				    name);
				return NULL;
			}
			found = &config->ports[j];
		}
	}
	if (!found)
		error_set(err, 0, "the port %s: no app has one of this name", name);
	return found;
}

struct range {
	const char *name, *ip;
	bool udp;
	uint32_t first, count;
};

static bool same_address(const struct range *a, const struct range *b)
{
	return !a->ip || !b->ip || strcmp(a->ip, b->ip) == 0;
}

static int check_conflicts(const struct range *ranges, size_t count, struct error *err)
{
	const struct range *last = &ranges[count];

	for (size_t i = 0; i < count; i++)
		if (ranges[i].udp == last->udp && same_address(&ranges[i], last) &&
		    ranges[i].first < last->first + last->count &&
		    last->first < ranges[i].first + ranges[i].count)
			return error_set(err, 0, "the ports %s and %s are the same of the host",
					 ranges[i].name, last->name);
	return 0;
}

static int publish(struct assembly *assembly, const struct range *range, uint32_t pod_port,
		   struct error *err)
{
	struct text_list *list = &assembly->publish;

	for (uint32_t i = 0; i < range->count; i++) {
		if (list->count == assembly->publish_max)
			return error_set(err, 0, "the port %s: at most %u ports can be forwarded",
					 range->name, assembly->publish_max);
		list->items[list->count] = keep_text(
		    &assembly->keep, err, "%s%s%u:%u%s", range->ip ? range->ip : "",
		    range->ip ? ":" : "", range->first + i, pod_port + i, range->udp ? "/udp" : "");
		if (!list->items[list->count++])
			return -1;
	}
	return 0;
}

static int merge_port(struct assembly *assembly, const struct manifest_port *port,
		      struct range *ranges, size_t index, struct error *err)
{
	const struct image_port *inner =
	    port->has_pod_port ? &port->pod_port : find_port(assembly, port->name, err);
	struct range *range = &ranges[index];

	if (!inner)
		return -1;
	*range = (struct range){ .name = port->name,
				 .ip = port->host_ip,
				 .udp = inner->udp,
				 .first = port->host_port,
				 .count = inner->count };
	if (range->first + range->count > UINT16_MAX + 1)
		return error_set(err, 0, "the port %s: the range ends above 65535", port->name);
	if (check_conflicts(ranges, index, err) < 0)
		return -1;
	return publish(assembly, range, inner->port, err);
}

int merge_ports(struct assembly *assembly, const struct merge_input *input, struct error *err)
{
	const struct text_list *given = &input->options->publish;
	const struct pod_manifest *pod = input->manifest;
	struct range *ranges;

	assembly->publish = *given;
	if (!pod || !pod->port_count)
		return 0;
	ranges = keep_array(&assembly->keep, pod->port_count, sizeof(*ranges), err);
	assembly->publish_max = given->count + NET_PORTS_MAX;
	assembly->publish.items = keep_array(&assembly->keep, assembly->publish_max + 1,
					     sizeof(*assembly->publish.items), err);
	if (!ranges || !assembly->publish.items)
		return -1;
	if (given->count)
		memcpy(assembly->publish.items, given->items, given->count * sizeof(*given->items));
	for (size_t i = 0; i < pod->port_count; i++)
		if (merge_port(assembly, &pod->ports[i], ranges, i, err) < 0)
			return -1;
	return 0;
}
