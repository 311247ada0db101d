/*
 * Opening sources by transport, and what they share.
 */
#include "images/source.h"

#include <stdlib.h>

int source_open(struct source **out, const struct image_reference *reference,
		const struct import_options *options, struct blob_sink *sink, struct error *err)
{
	int result = -1;

	switch (reference->transport) {
	case IMAGE_OCI:
		result = source_oci_open(out, reference, err);
		break;
	case IMAGE_DOCKER:
		result = source_registry_open(out, reference, options, err);
		break;
	case IMAGE_ACI:
		result = source_aci_open(out, reference, err);
		break;
	case IMAGE_ROOTFS:
		return error_set(err, 0, "a directory needs no import");
	case IMAGE_OCI_ARCHIVE:
	case IMAGE_DOCKER_ARCHIVE:
		result = source_archive_open(out, reference, sink, err);
		break;
	}
	if (result == 0)
		(*out)->sink = sink;
	return result;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	free(source->witness);
	source->ops->close(source);
}

void source_document_free(struct source_document *document)
{
	free(document->data);
	free(document->marker);
	*document = (struct source_document){ 0 };
}
