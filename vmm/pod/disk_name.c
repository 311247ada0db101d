/*
 * Names of disks.
 */
#include "vmm/pod/disk_name.h"

#include <assert.h>
#include <stdio.h>

enum { LETTERS = 26 };

void disk_name(char name[DISK_NAME_SIZE], unsigned index)
{
	assert(index < LETTERS * (LETTERS + 1));
	if (index < LETTERS)
		(void)snprintf(name, DISK_NAME_SIZE, "vd%c", 'a' + (int)index);
	else
		(void)snprintf(name, DISK_NAME_SIZE, "vd%c%c", 'a' + (int)(index / LETTERS - 1),
			       'a' + (int)(index % LETTERS));
}
