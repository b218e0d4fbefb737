/* config-reader.h - the part of culver-service that reads the settings. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

/* Descriptor 3 is the master.  Returns the exit status. */
int config_reader_run(const char *path);

#endif
