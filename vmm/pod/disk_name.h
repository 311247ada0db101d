/*
 * What Linux calls the disks of a guest.
 */
#ifndef NACELLE_POD_DISK_NAME_H
#define NACELLE_POD_DISK_NAME_H

enum { DISK_NAME_SIZE = 8 };

/* vda to vdz, vdaa and so on; there are fewer than 26 * 27. */
void disk_name(char name[DISK_NAME_SIZE], unsigned index);

#endif
