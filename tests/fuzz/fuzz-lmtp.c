/* fuzz-lmtp.c - a whole LMTP conversation; the first byte is the size of the
 * pieces it arrives in.  In pieces and at once must give the same, but for a
 * proxy, whose XCLIENT must come alone. */
#include "lmtp-mock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct lmtp_mock_result pieces, whole;
	struct cv_span input;

	if (size > 0) {
		input = cv_span((const char *)data + 1, size - 1);
		lmtp_mock_run(pool, input, data[0], &pieces);
		lmtp_mock_run(pool, input, 0, &whole);
		BUG_IF(!cv_span_equal(cv_text_span(&pieces.delivered),
				      cv_text_span(&whole.delivered)));
		lmtp_mock_is_proxy = true;
		lmtp_mock_run(pool, input, data[0], &pieces);
		lmtp_mock_is_proxy = false;
	}
	pool_destroy(&pool);
	return 0;
}
