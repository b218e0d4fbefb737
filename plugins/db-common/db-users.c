/* db-users.c - sharing them. */
#include "db-users.h"

int db_users_open(struct db_users_kind *kind,
		  const struct cv_auth_db_config *config, void **db_r,
		  struct cv_error *err)
{
	struct cv_span path = cv_span_trim(cv_span_of(config->args));
	struct cv_pool *pool;
	struct db_users *users;
	int ret;

	for (users = kind->first; users != NULL; users = users->next) {
		if (!cv_span_is(path, users->path))
			continue;
		users->refs++;
		*db_r = users;
		return CV_OK;
	}
	pool = cv_api->pool_create(kind->name);
	users = cv_api->alloc(pool, kind->size);
	*users = (struct db_users){
		.pool = pool, .path = cv_span_copy(pool, path), .refs = 1,
	};
	ret = kind->open(users, config, err);
	if (ret != CV_OK) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	users->next = kind->first;
	kind->first = users;
	*db_r = users;
	return CV_OK;
}

void db_users_close(struct db_users_kind *kind, struct db_users *users)
{
	struct db_users **at = &kind->first;
	struct cv_pool *pool = users->pool;

	if (--users->refs > 0)
		return;
	while (*at != users)
		at = &(*at)->next;
	*at = users->next;
	kind->close(users);
	cv_api->pool_destroy(&pool);
}
