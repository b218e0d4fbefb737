/* hook-lua.c - a throwaway plugin: a Lua function decides about deliveries.
 * It shows that the synchronous hooks carry a script: the answer is a return
 * value, work and memory have limits, an error of the script is a fault of
 * the plugin and goes by the settings' policy.
 *
 *	function message_received(sender, recipient)
 *		return nil			-- no opinion
 *		return "reject", "text"		-- 5xx with the text
 *		return "later", "text"		-- 4xx
 *		return "file", "Mailbox"	-- goes there
 *	end */
#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "cv-delivery.h"
#include "cv-host.h"
#include "cv-plugin.h"
#include "cv-hook.h"
#include "cv-text.h"

#include <stdlib.h>

enum { INSTRUCTIONS = 1000000, BYTES_MAX = 1 << 20 };

static struct cv_plugin *self_;
static lua_State *lua;
static size_t used;

static void *limited(void *context, void *old, size_t old_len, size_t len)
{
	void *grown;

	(void)context;
	if (old == NULL)
		old_len = 0;
	if (len == 0) {
		free(old);
		used -= old_len;
		return NULL;
	}
	if (len > old_len && used + (len - old_len) > BYTES_MAX)
		return NULL;
	grown = realloc(old, len);
	if (grown != NULL)
		used = used - old_len + len;
	return grown;
}

static void too_long(lua_State *l, lua_Debug *debug)
{
	(void)debug;
	luaL_error(l, "works for too long");
}

static int answer(struct cv_delivery_ctx *ctx)
{
	const char *word = lua_tostring(lua, -2), *text = lua_tostring(lua, -1);

	if (word == NULL)
		return CV_DECLINED;
	if (strcmp(word, "file") == 0 && text != NULL) {
		ctx->mailbox_name = cv_span_copy(ctx->pool, cv_span_of(text));
		return CV_DECLINED;	/* others may decide, too */
	}
	cv_api->error_set_client(ctx->err, "%s", text == NULL ? word : text);
	return strcmp(word, "reject") == 0 ? CV_E_PERM :
		strcmp(word, "later") == 0 ? CV_E_TEMP : CV_E_INTERNAL;
}

static int received(struct cv_delivery_ctx *ctx)
{
	int ret;

	lua_getglobal(lua, "message_received");
	lua_pushlstring(lua, ctx->sender.data, ctx->sender.len);
	lua_pushlstring(lua, ctx->recipient.data, ctx->recipient.len);
	lua_sethook(lua, too_long, LUA_MASKCOUNT, INSTRUCTIONS);
	if (lua_pcall(lua, 2, 2, 0) != LUA_OK) {
		ret = CV_FAIL(ctx->err, CV_E_INTERNAL, "%s",
			      lua_tostring(lua, -1));
		lua_settop(lua, 0);
		return ret;
	}
	ret = answer(ctx);
	lua_settop(lua, 0);
	return ret;
}

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	const char *script = getenv("HOOK_SCRIPT");

	cv_api = host;
	self_ = self;
	lua = lua_newstate(limited, NULL);
	if (lua == NULL || script == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "no Lua, or no script");
	luaL_requiref(lua, "_G", luaopen_base, 1);
	luaL_requiref(lua, "string", luaopen_string, 1);
	lua_settop(lua, 0);
	if (luaL_dofile(lua, script) != LUA_OK)
		return CV_FAIL(err, CV_E_CONFIG, "%s", lua_tostring(lua, -1));
	return cv_on_message_received(self, CV_PRIO_NORMAL, received, err);
}

static void deinit(struct cv_plugin *self)
{
	(void)self;
	if (lua != NULL)
		lua_close(lua);
}

CV_PLUGIN_DEFINE("hook-lua", 0,
	.license = "MIT", .version = "1.0",
	.summary = "a Lua function decides about deliveries (a test)",
	.init = init, .deinit = deinit);
