"""Plugins outside of the tree, in C and in Lua, add to IMAP: built with what is
installed, loaded into a running server, asked over sockets."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import culver
from test_hibernate import asleep, login

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = TOP / "tests/abi"
DOC = TOP / "doc/plugins/imap.md"
MAIL = b"From: <a@example.org>\r\nSubject: hello\r\n\r\nbody of %d\r\n"

HAS_LUA = subprocess.run(["pkg-config", "--exists", "lua5.4"], check=False).returncode == 0


def build(folder, name, source, *flags):
    """As an integrator does it: pkg-config, a compiler, one file."""
    env = dict(os.environ, PKG_CONFIG_PATH=str(culver.PREFIX / "lib/pkgconfig"))
    found = subprocess.run(["pkg-config", "--cflags", "culver-plugin"], env=env, check=True,
                           capture_output=True, text=True).stdout.split()
    so = folder / f"{name}.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                    "-Wno-unused-parameter", f"-DCV_PLUGIN={name.replace('-', '_')}", *found,
                    "-o", so, source, *flags], check=True)
    so.chmod(0o644)


def block_of(language):
    return re.search(rf"```{language}\n(.*?)```", DOC.read_text(), re.S).group(1)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """The installed plugins and ours, in a folder of their own."""
    folder = tmp_path_factory.mktemp("imap-plugins")
    folder.chmod(0o755)
    culver.open_to_all(folder)
    for so in (culver.PREFIX / "lib/culver/plugins").glob("*.so"):
        shutil.copy(so, folder / so.name)
        (folder / so.name).chmod(0o644)
    source = folder / "imap-extras.c"
    source.write_text(block_of("c"))
    build(folder, "imap-extras", source)
    hostile = SOURCES / "imap-hostile.c"
    build(folder, "imap-hostile", hostile, '-DNAME="imap-hostile"')
    build(folder, "imap-clash", hostile, '-DNAME="imap-clash"', '-DCLASH="Fetch"')
    build(folder, "imap-rival", hostile, '-DNAME="imap-rival"', '-DCLASH="x-greet"')
    build(folder, "imap-push", SOURCES / "imap-push.c")
    if HAS_LUA:
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "lua5.4"], check=True,
                               capture_output=True, text=True).stdout.split()
        build(folder, "imap-lua", SOURCES / "imap-lua.c", *flags)
    return folder


def settings(plugins, *names, more=""):
    return (f"mail_plugin_dir = {plugins}\n{more}"
            f"protocol imap {{\n  mail_plugins = {' '.join(names)}\n}}\n")


@pytest.fixture(scope="module")
def server(plugins):
    extra = settings(plugins, "imap-extras", "imap-hostile",
                     more="imap_hibernate_timeout = 1s\n")
    with culver.Server(extra=extra, users={**culver.USERS, "guest": "secret"}) as s:
        for number in (1, 2, 3):
            s.deliver(MAIL % number)
        yield s


@pytest.fixture
def box(server):
    with login(server) as c:
        c.command("SELECT INBOX")
        yield c


def test_a_command_has_literals_and_lists(box):
    box.send(b'a x-greet {3}\r\n')
    assert box.line().startswith(b"+")
    box.send(b'J"o (dear {4+}\r\na\r\nb nil)\r\n')
    assert box.until("a") == [b'* X-GREET 1 "J\\"o" (dear {4}\r\n', b"a\r\n", b'b "nil")\r\n',
                              b"a OK [X-GREETED] Pleased to meet you.\r\n"]
    for wrong in (b"X-GREET", b"X-GREET a", b"X-GREET a b", b"X-GREET a (b) c",
                  b"X-GREET a ((b))", b"UID X-GREET a (b)"):
        assert box.command(wrong.decode())[-1].startswith(b"x BAD "), wrong
    assert box.command("NOOP")[-1] == b"x OK NOOP completed.\r\n"


def test_an_item_of_fetch_stands_beside_the_built_in_ones(box):
    lines = box.command("FETCH 1:2 (X-BEGINNING (6) UID RFC822.SIZE)")
    assert re.fullmatch(rb'\* 1 FETCH \(UID 1 RFC822.SIZE \d+ X-BEGINNING "body o"\)\r\n', lines[0])
    assert lines[1].endswith(b'X-BEGINNING "body o")\r\n')
    lines = box.command("UID FETCH 3 X-BEGINNING")
    assert lines[:2] == [b"* 3 FETCH (UID 3 X-BEGINNING {10}\r\n", b"body of 3\r)\r\n"]
    lines = box.command("FETCH 1 (X-BEGINNING (4) BODY.PEEK[TEXT]<0.4>)")
    assert lines[0] == b'* 1 FETCH (X-BEGINNING "body" BODY[TEXT]<0> {4}\r\n'
    assert lines[1] == b"body)\r\n"
    assert box.command("FETCH 1 (X-BEGINNING (101))")[-1].startswith(b"x BAD ")


def test_a_key_of_search_stands_in_not_and_or(box):
    def found(command):
        lines = box.command(command)
        assert lines[-1].split()[1] == b"OK", lines
        return lines[0].strip()

    assert found("SEARCH X-EVERY 2") == b"* SEARCH 2"
    assert found("SEARCH NOT X-EVERY 2") == b"* SEARCH 1 3"
    assert found("UID SEARCH OR X-EVERY 3 (X-EVERY 2 NOT UID 3)") == b"* SEARCH 2 3"
    assert found("SORT (REVERSE ARRIVAL) UTF-8 NOT X-EVERY 2") in (
        b"* SORT 3 1", b"* SORT 1 3")
    assert box.command("SEARCH X-EVERY 0")[-1] == \
        b"x BAD Error in IMAP command X-EVERY: 0 of what?\r\n"
    assert box.command("SEARCH X-EVERY")[-1].startswith(b"x BAD ")


def test_an_item_of_status_is_told_by_status_and_list(box):
    assert box.command("STATUS INBOX (X-READ MESSAGES)")[0] == \
        b"* STATUS INBOX (MESSAGES 3 X-READ 0)\r\n"
    lines = box.command('LIST "" INBOX RETURN (STATUS (X-READ))')
    assert b"* STATUS INBOX (X-READ 0)\r\n" in lines


def test_capabilities_before_and_after_login(server):
    with culver.Raw(server.imap_port) as c:
        greeting = c.line().split(b"]")[0].split()
        assert b"X-EXTRAS" in greeting and b"X-GREET" not in greeting
        # what comes from this machine is private
        assert b"X-PRIVATE" in greeting
        after = c.command("LOGIN alice secret")[-1].split(b"]")[0].split()
        assert b"X-EXTRAS" in after and b"X-GREET" in after and b"X-PRIVATE" not in after
        assert c.command("CAPABILITY")[0].split()[-2:] == [b"X-EXTRAS", b"X-GREET"]


def test_a_login_of_a_kind_is_refused(server):
    with culver.Raw(server.imap_port) as c:
        c.line()
        assert c.command("LOGIN guest secret")[-1] == \
            b"x NO [AUTHORIZATIONFAILED] Guests do not log in by password.\r\n"
        assert c.command("LOGIN alice secret")[-1].startswith(b"x OK ")


def test_a_command_is_refused_or_changed(box):
    box.command("CREATE Archive")
    assert box.command("DELETE Archive")[-1] == b"x NO [X-KEPT] The archive stays.\r\n"
    box.command("CREATE Archive2")
    assert box.command("DELETE Archive2")[-1].startswith(b"x OK ")
    lines = box.command("SELECT old")
    assert b"* 3 EXISTS\r\n" in lines and lines[-1].startswith(b"x OK [READ-WRITE]")
    box.send(b"a APPEND old (\\Deleted) {12}\r\n")
    assert box.line().startswith(b"+")
    box.send(b"Subject: x\r\n\r\n")
    assert b"APPENDUID" in box.until("a")[-1]
    assert b"* 4 EXISTS\r\n" in box.command("SELECT INBOX")
    box.command("EXPUNGE")


def test_what_is_kept_of_a_session_outlives_its_sleep(server, plugins):
    with culver.Server(extra=settings(
            plugins, "imap-extras", more="imap_hibernate_timeout = 1s\n")) as own:
        with login(own) as c:
            assert c.command("X-GREET a (b)")[0] == b'* X-GREET 1 "a" (b)\r\n'
            asleep(own)
            assert c.command("X-GREET a (b)")[0] == b'* X-GREET 2 "a" (b)\r\n'


# --- hostile ones ------------------------------------------------------------------

BUG = b"x NO [SERVERBUG] Internal error.\r\n"


@pytest.mark.parametrize("command", [
    "X-GARBAGE", "X-FAILS", "X-ENDLESS", "SEARCH X-FAILS", "SEARCH NOT X-FAILS",
    "STATUS INBOX (X-GARBAGE)", "CHECK", "FETCH 1 X-GARBAGE", "FETCH 1 (X-FAILS)"])
def test_a_fault_costs_the_command_alone(box, server, command):
    assert box.command(command) == [BUG]
    assert box.command("FETCH 1 UID")[0] == b"* 1 FETCH (UID 1)\r\n"
    assert "plugin 'imap-hostile': " in server.log


def test_other_items_are_told_beside_one_that_fails(box):
    assert box.command("FETCH 1:2 (UID X-GARBAGE)") == [
        b"* 1 FETCH (UID 1)\r\n", b"* 2 FETCH (UID 2)\r\n", BUG]


def test_texts_are_one_line(box):
    assert box.command("X-TEXTS") == [b"x OK all is well  * BYE gone\r\n"]


@pytest.mark.parametrize("name, sentence", [
    ("imap-clash", "its command 'Fetch' is one of IMAP itself (hint: give it another name, "
                   "as 'X-Fetch')"),
    ("imap-rival", "its command 'x-greet' is one of the plugin 'imap-extras' already "
                   "(hint: load only one of them)")])
def test_a_name_that_is_taken_is_refused_at_load(plugins, name, sentence):
    server = culver.Server(extra="plugin_on_error = skip\n"
                           + settings(plugins, "imap-extras", name))
    with server:
        with login(server) as c:
            # the others work
            assert c.command("X-GREET a (b)")[0] == b'* X-GREET 1 "a" (b)\r\n'
        assert f"cannot load '{name}': {sentence}" in server.log


# --- Lua ----------------------------------------------------------------------------

LUA = """
imap.command("X-LOOP", function() while true do end end)
imap.command("X-GROW", function() local s = "x" while true do s = s .. s end end)
imap.command("X-DEEP", function(call) local function f() return f() .. "" end f() end)
imap.command("X-ODD", function() return "WHAT" end)
imap.command("X-CRLF", function(call)
    call.line(imap.atom("X\\r\\n* BYE")) return "OK" end)
imap.command("X-NO", function() return "NO", "Not now.", "INUSE" end)
imap.command("X-LAST", function(call) return "OK", tostring(imap.state.last) end)
imap.command("X-TREE", function(call, tree) call.line("X", #tree, tree) return "OK" end)
imap.fetch_item("X-LOOP", function() while true do end end)
imap.search_key("X-LOOP", 0, function() while true do end end)
"""


@pytest.fixture(scope="module")
def scripted(plugins):
    if not HAS_LUA:
        pytest.skip("no Lua here")
    script = plugins / "imap.lua"
    script.write_text(block_of("lua") + LUA)
    script.chmod(0o644)
    more = ("imap_hibernate_timeout = 1s\n"
            f"plugin {{\n  imap_lua_script = {script}\n}}\n")
    with culver.Server(extra=settings(plugins, "imap-lua", more=more)) as s:
        for number in (1, 2, 3):
            s.deliver(MAIL % number)
        yield s


@pytest.fixture
def lua(scripted):
    with login(scripted) as c:
        c.command("SELECT INBOX")
        yield c


def test_a_script_adds_to_imap(scripted, lua):
    with culver.Raw(scripted.imap_port) as c:
        assert b" X-LUA " in c.line()
    assert b"X-LUA" in lua.command("CAPABILITY")[0].split()
    assert lua.command("X-SUM 1 {1+}\r\n2 3") == [
        b'* X-SUM 6 ("a list" ())\r\n', b"x OK Added.\r\n"]
    assert lua.command("X-TREE (a (b c) d)")[0] == b'* "X" 3 ("a" ("b" "c") "d")\r\n'
    assert lua.command("UID FETCH 2 (X-KIB FLAGS)")[0] in (
        b"* 2 FETCH (UID 2 FLAGS () X-KIB 0)\r\n",
        b"* 2 FETCH (UID 2 FLAGS (\\Recent) X-KIB 0)\r\n")
    assert lua.command("SEARCH OR X-UID-ABOVE 2 UID 1")[0] == b"* SEARCH 1 3\r\n"
    assert lua.command("SEARCH NOT X-UID-ABOVE 1")[0] == b"* SEARCH 1\r\n"
    assert lua.command("STATUS INBOX (X-HALF)")[0] == b"* STATUS INBOX (X-HALF 1)\r\n"
    assert lua.command("DELETE keep")[-1] == b"x NO [X-KEPT] It stays.\r\n"
    assert lua.command("X-NO")[-1] == b"x NO [INUSE] Not now.\r\n"
    lines = lua.command("SELECT old")
    assert b"* 3 EXISTS\r\n" in lines and lines[-1].startswith(b"x OK [READ-ONLY]")


@pytest.mark.parametrize("command, why", [
    ("X-LOOP", "works for too long"), ("X-GROW", "not enough memory"),
    ("X-DEEP", "not enough memory"), ("X-ODD", "it returns 'WHAT'"),
    ("X-CRLF", "an atom that is none"), ("X-SUM x", "nil"),
    ("FETCH 1:3 X-LOOP", "works for too long"), ("SEARCH X-LOOP", "works for too long")])
def test_a_script_that_fails_costs_the_command_alone(lua, scripted, command, why):
    assert lua.command(command) == [BUG]
    assert lua.command("X-SUM 4")[0] == b'* X-SUM 4 ("a list" ())\r\n'
    assert [line for line in scripted.log.splitlines()
            if "plugin 'imap-lua': " in line and why in line]


def test_the_state_of_a_script_goes_along_when_its_session_sleeps(scripted):
    with login(scripted) as c:
        c.command("X-SUM 40 2")
        asleep(scripted)
        assert c.command("X-LAST")[-1] == b"x OK 42\r\n"


def test_devices_are_told_of_deliveries(make_server, plugins):
    """XAPPLEPUSHSERVICE outside of the tree: its arguments, and what is delivered."""
    server = make_server(extra=f"mail_plugin_dir = {plugins}\nmail_plugins = imap-push\n")
    with login(server) as c:
        assert b"XAPPLEPUSHSERVICE" in c.command("CAPABILITY")[0].split()
        assert c.command('XAPPLEPUSHSERVICE "aps-version" "2" "aps-account-id" "A-1" "aps-device-token" "c0ffee" '
                         '"aps-subtopic" "com.apple.mobilemail" "mailboxes" (INBOX {5+}\r\nNotes)') == [
            b'* XAPPLEPUSHSERVICE aps-version "2" aps-topic "com.example.mail"\r\n', b"x OK Completed.\r\n"]
        for wrong in ("", " aps-version", " aps-device-token ../../x", " mailboxes INBOX"):
            assert c.command("XAPPLEPUSHSERVICE" + wrong)[-1].startswith(b"x BAD "), wrong
    server.deliver(MAIL % 1)
    server.deliver(MAIL % 2, user="bob")
    assert culver.wait_for(lambda: "push to c0ffee: INBOX/1" in server.log), server.log
    with login(server) as c:        # by hand, and where nobody asked
        c.command("CREATE Notes")
        c.command("CREATE Other")
        c.command("SELECT INBOX")
        assert c.command("COPY 1 Other")[-1].startswith(b"x OK")
        assert c.command("MOVE 1 Notes")[-1].startswith(b"x OK")
    assert culver.wait_for(lambda: "push to c0ffee: Notes/1" in server.log), server.log
    assert server.log.count("push to ") == 2
