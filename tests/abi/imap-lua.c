/* imap-lua.c - a small plugin: a Lua script adds to IMAP.
 *
 *	plugin {
 *		imap_lua_script = /etc/culver/imap.lua
 *	}
 *
 * The script is read at the start of the service; doc/plugins/imap.md has what
 * it may do.  Each of its functions runs with a budget of instructions, all of
 * them with one of memory; an error, or a budget that is used up, is a fault of
 * the plugin and costs the command.  imap.state, a table of strings and
 * numbers, goes along when a session sleeps; nothing else does. */
#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "cv-imap.h"

#include <stdio.h>
#include <stdlib.h>

enum { INSTRUCTIONS = 1000000, BYTES_MAX = 4 << 20, ROWS_MAX = 32 };

struct settings { const char *imap_lua_script; };
static const struct cv_setting_def setting_defs[] = {
	CV_SETTING(settings, imap_lua_script, CV_SET_PATH, "", NULL,
		   CV_SET_PLUGIN_BLOCK,
		   "The script that adds to IMAP; empty: none."),
};

static const struct cv_imap_api *imap;
static lua_State *lua;
static size_t used;

/* --- budgets ---------------------------------------------------------------- */

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

/* All that may fail runs in fn; its result is the status. */
static int guarded(struct cv_imap_call *call, lua_CFunction fn)
{
	int ret;

	lua_settop(lua, 0);
	lua_sethook(lua, too_long, LUA_MASKCOUNT, INSTRUCTIONS);
	lua_pushcfunction(lua, fn);
	lua_pushlightuserdata(lua, call);
	if (lua_pcall(lua, 1, 1, 0) != LUA_OK)
		ret = CV_FAIL(call->err, CV_E_INTERNAL, "%s",
			      lua_type(lua, -1) == LUA_TSTRING ?
			      lua_tostring(lua, -1) : "an error");
	else
		ret = (int)lua_tointeger(lua, -1);
	lua_settop(lua, 0);
	lua_gc(lua, LUA_GCCOLLECT);
	return ret;
}

/* --- the state of a session ---------------------------------------------------- */

struct lua_session { bool used; };

static int push_state(lua_State *l)
{
	lua_getfield(l, LUA_REGISTRYINDEX, "imap.state");
	return 1;
}

/* key NUL, 's' or 'n', value NUL ...; what has NUL or is none of both cannot
 * leave, and so the session does not. */
static int freeze_state(lua_State *l)
{
	struct cv_text *out = lua_touserdata(l, 1);

	push_state(l);
	for (lua_pushnil(l); lua_next(l, -2) != 0; lua_pop(l, 1)) {
		size_t len;
		const char *text;

		if (lua_type(l, -2) != LUA_TSTRING ||
		    (lua_type(l, -1) != LUA_TSTRING &&
		     lua_type(l, -1) != LUA_TNUMBER))
			return luaL_error(l, "imap.state has more than "
					  "strings and numbers");
		text = lua_tolstring(l, -2, &len);
		cv_text_append(out, text, len + 1);
		cv_text_append_c(out, lua_type(l, -1) == LUA_TNUMBER ?
				 'n' : 's');
		lua_pushvalue(l, -1);
		text = lua_tolstring(l, -1, &len);
		if (strlen(text) != len)
			return luaL_error(l, "imap.state has NUL");
		cv_text_append(out, text, len + 1);
		lua_pop(l, 1);
	}
	return 0;
}

static int lua_session_freeze(const void *data, struct cv_text *out)
{
	int ret;

	(void)data;
	lua_settop(lua, 0);
	lua_pushcfunction(lua, freeze_state);
	lua_pushlightuserdata(lua, out);
	ret = lua_pcall(lua, 1, 0, 0);
	lua_settop(lua, 0);
	return ret == LUA_OK ? CV_OK : CV_E_UNSUPPORTED;
}

static bool cut(struct cv_span *in, struct cv_span *part_r)
{
	return in->len > 0 && memchr(in->data, '\0', in->len) != NULL &&
		cv_span_split(in, '\0', part_r);
}

static int thaw_state(lua_State *l)
{
	struct cv_span in = *(struct cv_span *)lua_touserdata(l, 1);
	struct cv_span key, value;

	push_state(l);
	while (cut(&in, &key) && cut(&in, &value) && value.len > 0) {
		lua_pushlstring(l, key.data, key.len);
		lua_pushlstring(l, value.data + 1, value.len - 1);
		if (value.data[0] == 'n' &&
		    lua_stringtonumber(l, lua_tostring(l, -1)) != 0)
			lua_remove(l, -2);
		lua_rawset(l, -3);
	}
	return 0;
}

static int lua_session_thaw(void *data, struct cv_span in)
{
	struct lua_session *session = data;
	int ret;

	session->used = true;
	lua_settop(lua, 0);
	lua_pushcfunction(lua, thaw_state);
	lua_pushlightuserdata(lua, &in);
	ret = lua_pcall(lua, 1, 0, 0);
	lua_settop(lua, 0);
	return ret == LUA_OK ? CV_OK : CV_E_SYNTAX;
}

CV_SLOT_KEPT(SESSION, session, lua_session, NULL, lua_session_freeze,
	     lua_session_thaw)

/* --- values ---------------------------------------------------------------------- */

/* Puts what stands at index; a table is a list, imap.atom(x) an atom. */
static void put_value(lua_State *l, struct cv_imap_out *out, int index,
		      int depth)
{
	size_t len;
	const char *text;

	luaL_checkstack(l, 8, "a value");
	switch (lua_type(l, index)) {
	case LUA_TNUMBER:
		if (!lua_isinteger(l, index) || lua_tointeger(l, index) < 0)
			luaL_error(l, "a number that IMAP has not");
		imap->put_number(out, (uint64_t)lua_tointeger(l, index));
		return;
	case LUA_TSTRING:
		text = lua_tolstring(l, index, &len);
		imap->put_string(out, cv_span(text, len));
		return;
	case LUA_TNIL:
		imap->put_string(out, CV_SPAN_NONE);
		return;
	case LUA_TTABLE:
		break;
	default:
		luaL_error(l, "a value that IMAP has not");
	}
	if (lua_getfield(l, index, "atom") == LUA_TSTRING) {
		text = lua_tolstring(l, -1, &len);
		imap->put_atom(out, cv_span(text, len));
		lua_pop(l, 1);
		return;
	}
	lua_pop(l, 1);
	if (depth == 10)
		luaL_error(l, "tables that are nested too deeply");
	imap->list_begin(out);
	for (lua_Integer i = 1; i <= luaL_len(l, index); i++) {
		lua_rawgeti(l, index, i);
		put_value(l, out, lua_gettop(l), depth + 1);
		lua_pop(l, 1);
	}
	imap->list_end(out);
}

/* Into the table at the top; the parser has bounded the depth. */
static void push_args(lua_State *l, struct cv_imap_args args)
{
	const struct cv_imap_arg *arg;
	lua_Integer n = 0;

	luaL_checkstack(l, 8, "arguments");
	while ((arg = cv_imap_next(&args)) != NULL) {
		if (arg->type == CV_IMAP_LIST) {
			lua_createtable(l, 0, 0);
			push_args(l, cv_imap_members(arg));
		} else {
			lua_pushlstring(l, arg->text.data, arg->text.len);
		}
		lua_rawseti(l, -2, ++n);
	}
}

/* As values of their own; how many. */
static int spread_args(lua_State *l, struct cv_imap_args args)
{
	int count;

	lua_createtable(l, 0, 0);
	push_args(l, args);
	count = (int)lua_rawlen(l, -1);
	luaL_checkstack(l, count, "arguments");
	for (int i = 1; i <= count; i++)
		lua_rawgeti(l, -i, i);
	lua_remove(l, -count - 1);
	return count;
}

static void set_number(lua_State *l, const char *name, uint64_t value)
{
	lua_pushinteger(l, (lua_Integer)value);
	lua_setfield(l, -2, name);
}

static void push_message(lua_State *l, const struct cv_imap_call *call)
{
	lua_createtable(l, 0, 5);
	set_number(l, "seq", call->seq);
	set_number(l, "uid", call->message->uid);
	set_number(l, "flags", call->message->flags);
	set_number(l, "size", call->message->size_bytes);
	set_number(l, "date", (uint64_t)call->message->internal_date);
}

/* The function of a row. */
static void push_function(lua_State *l, const char *kind, const char *name)
{
	lua_getfield(l, LUA_REGISTRYINDEX, kind);
	if (name != NULL)
		lua_getfield(l, -1, name);
}

static void touch(struct cv_imap_call *call)
{
	if (call->session != NULL)
		lua_session_of(call->session)->used = true;
}

/* "OK", text | "NO", text, code | "BAD", text */
static int reply_of(lua_State *l, struct cv_imap_call *call, int at)
{
	const char *word = lua_tostring(l, at);
	const char *text = lua_tostring(l, at + 1);
	const char *code = lua_tostring(l, at + 2);

	if (code != NULL)
		call->response_code = cv_span_copy(call->pool,
						   cv_span_of(code));
	if (word == NULL || strcmp(word, "OK") == 0) {
		if (text != NULL)
			call->text = cv_span_copy(call->pool,
						  cv_span_of(text));
		return CV_OK;
	}
	if (text != NULL)
		(void)cv_api->error_set_client(call->err, "%s", text);
	if (strcmp(word, "NO") == 0 || strcmp(word, "refuse") == 0)
		return CV_E_PERM;
	if (strcmp(word, "BAD") == 0)
		return CV_E_SYNTAX;
	return luaL_error(l, "it returns '%s'", word);
}

/* --- the rows ---------------------------------------------------------------------- */

/* call.line(value ...) */
static int put_line(lua_State *l)
{
	struct cv_imap_call *call =
		lua_touserdata(l, lua_upvalueindex(1));
	int count = lua_gettop(l);

	imap->line_begin(call->out);
	for (int i = 1; i <= count; i++)
		put_value(l, call->out, i, 0);
	imap->line_end(call->out);
	return 0;
}

static int command_run(lua_State *l)
{
	struct cv_imap_call *call = lua_touserdata(l, 1);
	int count;

	touch(call);
	push_function(l, "imap.commands", call->name);
	lua_createtable(l, 0, 1);
	lua_pushlightuserdata(l, call);
	lua_pushcclosure(l, put_line, 1);
	lua_setfield(l, -2, "line");
	count = spread_args(l, call->args);
	lua_call(l, count + 1, 3);
	lua_pushinteger(l, reply_of(l, call, lua_gettop(l) - 2));
	return 1;
}

static int item_tell(lua_State *l)
{
	struct cv_imap_call *call = lua_touserdata(l, 1);

	touch(call);
	push_function(l, "imap.items", call->name);
	push_message(l, call);
	lua_call(l, 1, 1);
	put_value(l, call->out, lua_gettop(l), 0);
	lua_pushinteger(l, CV_OK);
	return 1;
}

static int key_match(lua_State *l)
{
	struct cv_imap_call *call = lua_touserdata(l, 1);
	int count;

	touch(call);
	push_function(l, "imap.keys", call->name);
	push_message(l, call);
	count = spread_args(l, call->args);
	lua_call(l, count + 1, 1);
	lua_pushinteger(l, lua_toboolean(l, -1) ? CV_OK : CV_NOT_FOUND);
	return 1;
}

static int status_tell(lua_State *l)
{
	struct cv_imap_call *call = lua_touserdata(l, 1);

	touch(call);
	push_function(l, "imap.statuses", call->name);
	lua_pushstring(l, call->mailbox_name);
	lua_createtable(l, 0, 4);
	set_number(l, "messages", call->status->messages);
	set_number(l, "unseen", call->status->unseen);
	set_number(l, "uidnext", call->status->uidnext);
	set_number(l, "uidvalidity", call->status->uidvalidity);
	lua_call(l, 2, 1);
	put_value(l, call->out, lua_gettop(l), 0);
	lua_pushinteger(l, CV_OK);
	return 1;
}

/* A string that is an atom becomes one, another one is quoted. */
static struct cv_imap_arg arg_of(struct cv_imap_call *call, const char *text,
				 size_t len)
{
	bool atom = len > 0;

	for (size_t i = 0; i < len && atom; i++)
		atom = text[i] > ' ' && text[i] < 0x7f &&
			strchr("(){%*\"\\]", text[i]) == NULL;
	return (struct cv_imap_arg){ atom ? CV_IMAP_ATOM : CV_IMAP_QUOTED, 0,
		0, cv_span(cv_span_copy(call->pool, cv_span(text, len)),
			   len) };
}

/* "change", verb, { argument ... } */
static int change(lua_State *l, struct cv_imap_call *call, int at)
{
	lua_Integer count = luaL_len(l, at + 2);
	struct cv_imap_arg *args;

	if (count > 1000)
		return luaL_error(l, "too many arguments");
	args = CV_ALLOC_ARRAY(call->pool, struct cv_imap_arg,
			      (size_t)count + 1);
	for (lua_Integer i = 0; i < count; i++) {
		size_t len;
		const char *text;

		lua_geti(l, at + 2, i + 1);
		text = luaL_checklstring(l, -1, &len);
		args[i] = arg_of(call, text, len);
		lua_pop(l, 1);
	}
	call->verb = cv_span_of(cv_span_copy(call->pool, cv_span_of(
		luaL_checkstring(l, at + 1))));
	call->args = (struct cv_imap_args){ args, (uint32_t)count };
	return CV_OK;
}

static int before_run(lua_State *l)
{
	struct cv_imap_call *call = lua_touserdata(l, 1);
	const char *word;
	int at, ret;

	touch(call);
	push_function(l, "imap.before", NULL);
	if (lua_isnil(l, -1)) {
		lua_pushinteger(l, CV_OK);
		return 1;
	}
	lua_pushlstring(l, call->verb.data, call->verb.len);
	lua_createtable(l, 0, 0);
	push_args(l, call->args);
	lua_call(l, 2, 3);
	at = lua_gettop(l) - 2;
	word = lua_tostring(l, at);
	if (word == NULL)
		ret = CV_OK;
	else if (strcmp(word, "change") == 0)
		ret = change(l, call, at);
	else
		ret = reply_of(l, call, at);
	lua_pushinteger(l, ret);
	return 1;
}

#define ROW(name, fn) \
	static int name(struct cv_imap_call *call) \
	{ return guarded(call, fn); }
ROW(run_command, command_run)
ROW(tell_item, item_tell)
ROW(match_key, key_match)
ROW(tell_status, status_tell)
ROW(before, before_run)

/* --- what a script says at the start ------------------------------------------------- */

static struct cv_imap_command commands[ROWS_MAX];
static struct cv_imap_fetch_item items[ROWS_MAX];
static struct cv_imap_search_key keys[ROWS_MAX];
static struct cv_imap_status_item statuses[ROWS_MAX];
static struct cv_imap_capability capabilities[ROWS_MAX];
static struct cv_imap_extension extension;

/* The name, for ever; the function goes into the registry. */
static const char *take_row(lua_State *l, const char *kind,
			    struct cv_array *array, int fn)
{
	const char *name = luaL_checkstring(l, 1);

	if (array->count == ROWS_MAX)
		luaL_error(l, "more than %d rows", ROWS_MAX);
	if (fn != 0) {
		luaL_checktype(l, fn, LUA_TFUNCTION);
		lua_getfield(l, LUA_REGISTRYINDEX, kind);
		lua_pushvalue(l, fn);
		lua_setfield(l, -2, name);
	}
	array->count++;
	return strdup(name);
}

/* Commands are called by their names in upper case. */
static int add_command(lua_State *l)
{
	uint32_t n = extension.commands.count;

	luaL_argcheck(l, strpbrk(luaL_checkstring(l, 1),
		"abcdefghijklmnopqrstuvwxyz") == NULL, 1,
		"a name in upper case");
	commands[n].name = take_row(l, "imap.commands",
				    &extension.commands, 2);
	commands[n].run = run_command;
	return 0;
}

static int add_item(lua_State *l)
{
	uint32_t n = extension.fetch_items.count;

	items[n].name = take_row(l, "imap.items", &extension.fetch_items, 2);
	items[n].needs = CV_MESSAGE_SIZE;
	items[n].tell = tell_item;
	return 0;
}

static int add_key(lua_State *l)
{
	uint32_t n = extension.search_keys.count;
	lua_Integer count = luaL_checkinteger(l, 2);

	luaL_argcheck(l, count >= 0 && count <= CV_IMAP_KEY_ARGS_MAX, 2,
		      "so many arguments");
	keys[n].name = take_row(l, "imap.keys", &extension.search_keys, 3);
	keys[n].arg_count = (uint32_t)count;
	keys[n].needs = CV_MESSAGE_SIZE;
	keys[n].match = match_key;
	return 0;
}

static int add_status(lua_State *l)
{
	uint32_t n = extension.status_items.count;

	statuses[n].name = take_row(l, "imap.statuses",
				    &extension.status_items, 2);
	statuses[n].needs = CV_STATUS_MESSAGES | CV_STATUS_UNSEEN |
		CV_STATUS_UIDNEXT | CV_STATUS_UIDVALIDITY;
	statuses[n].tell = tell_status;
	return 0;
}

static int add_capability(lua_State *l)
{
	uint32_t n = extension.capabilities.count;

	capabilities[n].name = take_row(l, NULL, &extension.capabilities, 0);
	capabilities[n].when = CV_IMAP_BEFORE_LOGIN | CV_IMAP_AFTER_LOGIN;
	return 0;
}

static int set_before(lua_State *l)
{
	luaL_checktype(l, 1, LUA_TFUNCTION);
	lua_settop(l, 1);
	lua_setfield(l, LUA_REGISTRYINDEX, "imap.before");
	extension.before = before;
	return 0;
}

static int make_atom(lua_State *l)
{
	luaL_checkstring(l, 1);
	lua_createtable(l, 0, 1);
	lua_pushvalue(l, 1);
	lua_setfield(l, -2, "atom");
	return 1;
}

static const luaL_Reg functions[] = {
	{ "atom", make_atom },
	{ "before_command", set_before },
	{ "capability", add_capability },
	{ "command", add_command },
	{ "fetch_item", add_item },
	{ "search_key", add_key },
	{ "status_item", add_status },
	{ NULL, NULL },
};

static void table_new(lua_State *l, const char *name)
{
	lua_createtable(l, 0, 0);
	lua_setfield(l, LUA_REGISTRYINDEX, name);
}

/* No files, no processes, no code from elsewhere. */
static void libraries_open(lua_State *l)
{
	static const char *const gone[] = {
		"dofile", "load", "loadfile", "print", "collectgarbage",
	};

	luaL_requiref(l, "_G", luaopen_base, 1);
	luaL_requiref(l, "string", luaopen_string, 1);
	luaL_requiref(l, "table", luaopen_table, 1);
	luaL_requiref(l, "math", luaopen_math, 1);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		lua_pushnil(l);
		lua_setglobal(l, gone[i]);
	}
}

static int script_run(lua_State *l)
{
	const char *script = lua_touserdata(l, 1);
	static const char *const kinds[] = {
		"imap.commands", "imap.items", "imap.keys", "imap.statuses",
		"imap.state",
	};

	libraries_open(l);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		table_new(l, kinds[i]);
	luaL_newlib(l, functions);
	push_state(l);
	lua_setfield(l, -2, "state");
	lua_setglobal(l, "imap");
	if (luaL_loadfilex(l, script, "t") != LUA_OK)
		return lua_error(l);
	lua_call(l, 0, 0);
	return 0;
}

/* --- the frame --------------------------------------------------------------------------- */

static int script_read(const char *script, struct cv_error *err)
{
	lua = lua_newstate(limited, NULL);
	if (lua == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "Lua does not start");
	lua_sethook(lua, too_long, LUA_MASKCOUNT, INSTRUCTIONS);
	lua_pushcfunction(lua, script_run);
	lua_pushlightuserdata(lua, (void *)script);
	if (lua_pcall(lua, 1, 0, 0) != LUA_OK)
		return CV_FAIL(err, CV_E_CONFIG, "%s", lua_tostring(lua, -1));
	return CV_OK;
}

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	const struct settings *set;
	int ret;

	cv_api = host;
	imap = host->service("imap", CV_IMAP_MAJOR);
	set = host->settings(self);
	extension = (struct cv_imap_extension){ CV_SIZED(cv_imap_extension),
		.commands = { commands, 0, sizeof(commands[0]) },
		.fetch_items = { items, 0, sizeof(items[0]) },
		.search_keys = { keys, 0, sizeof(keys[0]) },
		.status_items = { statuses, 0, sizeof(statuses[0]) },
		.capabilities = { capabilities, 0, sizeof(capabilities[0]) },
	};
	if (set->imap_lua_script[0] == '\0')
		return CV_OK;
	ret = script_read(set->imap_lua_script, err);
	return ret < 0 ? ret : cv_imap_extend(self, "imap-lua", &extension,
					      err);
}

static void deinit(struct cv_plugin *self)
{
	(void)self;
	if (lua != NULL)
		lua_close(lua);
	lua = NULL;
}

static struct cv_slot *const slots[] = { &lua_session_slot, NULL };
static const char *const processes[] = { "imap-login", "imap", NULL };

CV_PLUGIN_DEFINE("imap-lua", 0,
	.version = "1.0", .license = "MIT",
	.summary = "a Lua script adds to IMAP (a test)",
	.processes = processes, .slots = slots,
	.settings = CV_ARRAY(setting_defs),
	.settings_bytes = sizeof(struct settings),
	.init = init, .deinit = deinit);
