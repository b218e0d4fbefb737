/* fuzz-imap-session.c - whole sessions against mailboxes in memory. */
#include "imap-mock-session.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	mock_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_session *s = mock_session_new();

	if (size > 20000)
		size = 20000;
	(void)mock_session_play(s, cv_span((const char *)data, size),
				size > 0 ? 1 + data[size - 1] : 1);
	mock_session_free(&s);
	return 0;
}
