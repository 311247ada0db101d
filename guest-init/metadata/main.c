/*
 * The metadata service of a pod (appc spec 0.8.11, ace.md). guest-init starts it, in pods that ask
 * for it, before the first app; it ends with the machine.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-init/metadata.h"
#include "guest-init/metadata/confine.h"
#include "guest-init/metadata/documents.h"
#include "guest-init/metadata/identity.h"
#include "guest-init/metadata/server.h"

/* Debian's libnettle.a asks for what glibc makes of fprintf(), for messages that nobody asks for.
 */
int __fprintf_chk(FILE *out, int flag, const char *format, ...);
int __fprintf_chk(FILE *out, int flag, const char *format, ...)
{
	(void)out;
	(void)flag;
	(void)format;
	return 0;
}

int main(void)
{
	enum { OTHERS = 8 }; /* descriptors beside those of connections */
	static struct documents documents;
	static struct identity identity;
	struct stat st;
	void *data;

	if (fstat(METADATA_FD_DATA, &st) < 0)
		return EXIT_FAILURE;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, METADATA_FD_DATA, 0);
	if (data == MAP_FAILED || documents_read(&documents, data, (size_t)st.st_size) < 0 ||
	    identity_make(&identity, documents.uuid->body, documents.uuid->len) < 0 ||
	    confine(SERVER_CONNECTIONS + OTHERS) < 0 || write(METADATA_FD_READY, "", 1) != 1)
		return EXIT_FAILURE;
	close(METADATA_FD_DATA);
	close(METADATA_FD_READY);
	server_run(METADATA_FD_LISTENER, &documents, &identity);
}
