"""Mail programs at work: two-way synchronisation, flags, moves, searches, IDLE
and folder names that are not ASCII.  test_clients.py has the first steps."""
import imaplib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import culver
from test_clients import MAILS, Terminal, run

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = re.search(r'^test="(.*?)"', (TOP / "tools" / "packages").read_text(),
                     re.S | re.M)[1].split()
WORK = "Wörk & more"
WORK_UTF7 = "W&APY-rk &- more"
HOST = "127.0.0.1"


def need(program, package):
    """Skipped only where nobody installs it."""
    return pytest.mark.skipif(shutil.which(program) is None and package not in PACKAGES,
                              reason=f"needs {package}")


@pytest.fixture
def filled(make_server):
    server = make_server()
    for mail in MAILS:
        server.deliver(mail)
    return server


def wait_for(condition, secs=20, what="it did not happen"):
    end = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.05)


def subjects(server, mailbox, user="alice", search="ALL"):
    """{subject: flags} of what a mailbox holds."""
    client = server.imap(user)
    kind, _ = client.select(f'"{mailbox}"', readonly=True)
    found = {}
    if kind == "OK":
        _, data = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        for item in data:
            if isinstance(item, tuple):
                flags = imaplib.ParseFlags(item[0])
                found[item[1].decode().partition(": ")[2].strip()] = {
                    f.decode() for f in flags} - {"\\Recent"}
    client.logout()
    return found


def env_of(tmp_path):
    return dict(os.environ, HOME=str(tmp_path), TERM="xterm", LINES="24", COLUMNS="100",
                XDG_CONFIG_HOME=str(tmp_path / "config"), XDG_DATA_HOME=str(tmp_path / "data"))


# --- interimap ---------------------------------------------------------------

INTERIMAP = """\
database = {path}/state.db
list-select-opts = ALL
[local]
type = imap
host = {host}
port = {port}
STARTTLS = NO
auth = PLAIN LOGIN
username = alice
password = secret
[remote]
type = imap
host = {host}
port = {port}
STARTTLS = NO
auth = PLAIN LOGIN
username = bob
password = secret
"""


@need("interimap", "interimap")
def test_interimap_with_culver_at_both_ends(filled, tmp_path):
    """QRESYNC [RFC7162] from both sides."""
    config = tmp_path / "config"
    config.write_text(INTERIMAP.format(path=tmp_path, host=HOST, port=filled.imap_port)
                      .replace("list-select-opts = ALL\n", ""))

    def sync():
        done = run("interimap", f"--config={config}", env=env_of(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr + filled.log

    def same(mailbox):
        ours, theirs = (subjects(filled, mailbox, user) for user in ("alice", "bob"))
        assert ours == theirs
        return ours

    bob = filled.imap("bob")
    assert bob.create(f'"{WORK_UTF7}"')[0] == "OK"
    assert bob.append(f'"{WORK_UTF7}"', None, None, b"Subject: of bob\r\n\r\nx\r\n")[0] == "OK"
    filled.deliver(b"Subject: to bob\r\n\r\nx\r\n", user="bob")
    sync()
    assert set(same("INBOX")) == {"client test 0", "client test 1", "client test 2", "to bob"}
    assert set(same(WORK_UTF7)) == {"of bob"}
    # each end changes something; what vanished and what got flags is told by QRESYNC
    alice = filled.imap("alice")
    alice.select("INBOX")
    alice.store("1", "+FLAGS", r"(\Flagged own-word)")
    alice.uid("MOVE", "2", f'"{WORK_UTF7}"')
    bob.select("INBOX")
    _, (number,) = bob.search(None, "SUBJECT", '"client test 2"')
    bob.store(number, "+FLAGS", r"(\Deleted)")
    bob.expunge()
    sync()
    assert same("INBOX") == {"client test 0": {"\\Flagged", "own-word"}, "to bob": set()}
    assert set(same(WORK_UTF7)) == {"of bob", "client test 1"}
    # nothing is left to do
    before = (tmp_path / "state.db").stat().st_size
    sync()
    assert (tmp_path / "state.db").stat().st_size == before
    assert len(same("INBOX")) == 2
    alice.logout()
    bob.logout()


# --- offlineimap --------------------------------------------------------------

OFFLINEIMAP = """\
[general]
accounts = one
metadata = {path}/meta
ui = basic
fsync = False
[Account one]
localrepository = here
remoterepository = there
[Repository here]
type = Maildir
localfolders = {path}/mail
[Repository there]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = alice
remotepass = secret
ssl = yes
sslcacertfile = {cert}
"""


@need("offlineimap", "offlineimap3")
def test_offlineimap_both_directions(filled, tmp_path):
    config = tmp_path / "rc"
    config.write_text(OFFLINEIMAP.format(path=tmp_path, port=filled.imaps_port,
                                         cert=filled.dir / "cert.pem"))

    def sync():
        done = run("offlineimap", "-c", config, "-o", env=env_of(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr + filled.log

    def local(folder):
        return [f for d in ("new", "cur") for f in (tmp_path / "mail" / folder / d).iterdir()]

    client = filled.imap()
    client.create(f'"{WORK_UTF7}"')
    client.append(f'"{WORK_UTF7}"', r"(\Seen)", None, b"Subject: in work\r\n\r\nx\r\n")
    sync()
    assert len(local("INBOX")) == 3 and len(local(WORK_UTF7)) == 1
    assert "S" in local(WORK_UTF7)[0].name.rpartition(",")[2]
    # here: a flag, a new one, one less
    files = {re.search(rb"Subject: (.*?)\r?\n", f.read_bytes())[1]: f for f in local("INBOX")}
    one = files[b"client test 1"]
    one.rename(one.parent.parent / "cur" / (one.name.partition(":")[0] + ":2,F"))
    files[b"client test 2"].unlink()
    (tmp_path / "mail" / "INBOX" / "new" / "1700000000.1.here").write_bytes(
        b"Subject: from here\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n\nx\n")
    # there: another flag, another new one
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Answered)")
    filled.deliver(b"Subject: from there\r\n\r\nx\r\n")
    sync()
    assert subjects(filled, "INBOX") == {
        "client test 0": {"\\Answered"}, "client test 1": {"\\Flagged"},
        "from here": set(), "from there": set()}
    assert len(local("INBOX")) == 4
    sync()
    assert len(local("INBOX")) == 4 and len(subjects(filled, "INBOX")) == 4
    client.logout()


# --- imapfilter ------------------------------------------------------------------

IMAPFILTER = """\
options.timeout = 30
options.subscribe = true
options.create = true
account = IMAP {{ server = 'localhost', port = {port}, username = 'alice', password = 'secret' }}
all, flagged = account:list_all()
account.INBOX:contain_subject('test 0'):mark_flagged()
account.INBOX:contain_body('body of mail 1'):move_messages(account['{work}'])
hits = account.INBOX:is_unseen() * (account.INBOX:contain_from('sender') - account.INBOX:is_flagged())
hits:add_flags({{ 'hit' }})
hits:copy_messages(account['{work}'])
account.INBOX:match_header('.*client2.*'):delete_messages()
print('status', account['{work}']:check_status())
"""


@need("imapfilter", "imapfilter")
def test_imapfilter_searches_moves_and_deletes(filled, tmp_path):
    config = tmp_path / "config.lua"
    config.write_text(IMAPFILTER.format(port=filled.imap_port, work=WORK))
    done = run("imapfilter", "-t", filled.dir / "cert.pem", "-c", config, env=env_of(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + filled.log
    assert subjects(filled, "INBOX") == {"client test 0": {"\\Flagged"}}
    assert set(subjects(filled, WORK_UTF7)) == {"client test 1", "client test 2"}
    assert "hit" in subjects(filled, WORK_UTF7)["client test 2"]


IDLING = """\
account = IMAP {{ server = 'localhost', port = {port}, username = 'alice', password = 'secret' }}
io.stdout:setvbuf('line')
print('ready')
account.INBOX:enter_idle()
print('woken', #account.INBOX:is_unseen())
"""


@need("imapfilter", "imapfilter")
def test_imapfilter_is_woken_from_idle(filled, tmp_path):
    config = tmp_path / "config.lua"
    config.write_text(IDLING.format(port=filled.imap_port))
    done = subprocess.Popen(["imapfilter", "-t", filled.dir / "cert.pem", "-c", config], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, env=env_of(tmp_path))
    try:
        assert "ready" in done.stdout.readline()
        # one that comes before IDLE is told at once, too
        wait_for(lambda: filled.deliver(MAILS[0]) or done.poll() is not None)
        assert re.search(r"woken\s+[4-9]|woken\s+\d\d", done.communicate(timeout=20)[0])
    finally:
        if done.poll() is None:
            done.kill()
            done.wait()


# --- fetchmail and getmail --------------------------------------------------------

@need("fetchmail", "fetchmail")
def test_fetchmail_stays_in_idle(filled, tmp_path):
    rc, box = tmp_path / "fetchmailrc", tmp_path / "box"
    rc.write_text(
        f'poll {HOST} service {filled.imap_port} protocol imap auth password\n'
        f'  user "alice" password "secret" idle sslproto "" folder "INBOX"\n'
        f'  mda "cat >> {box}"\n')
    rc.chmod(0o600)
    env = dict(env_of(tmp_path), FETCHMAILHOME=str(tmp_path))
    out = (tmp_path / "out").open("w")
    process = subprocess.Popen(["fetchmail", "-f", rc, "--nosyslog", "--nodetach", "-v"], env=env,
                               stdout=out, stderr=subprocess.STDOUT)

    def said():
        return (tmp_path / "out").read_text() + filled.log

    def has(text):
        return box.exists() and text in box.read_text()

    try:
        wait_for(lambda: has("body of mail 2"), what=said)
        wait_for(lambda: "IDLE" in (tmp_path / "out").read_text(), what=said)
        filled.deliver(b"Subject: pushed\r\n\r\npushed to fetchmail\r\n")
        wait_for(lambda: has("pushed to fetchmail"), what=said)
        # it deletes what it has fetched
        wait_for(lambda: not subjects(filled, "INBOX"), what=said)
    finally:
        process.terminate()
        process.wait(20)
        out.close()


@need("getmail", "getmail6")
def test_getmail_moves_what_it_has_read(filled, tmp_path):
    box = tmp_path / "box.mbox"
    box.write_text("")
    user = ""
    if os.geteuid() == 0:       # getmail does not write mail as root
        user = "user = vmail\n"
        shutil.chown(box, "vmail", "vmail")
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
    client = filled.imap()
    client.create(f'"{WORK_UTF7}"')
    client.append(f'"{WORK_UTF7}"', None, None, b"Subject: in work\r\n\r\nwork text\r\n")
    (tmp_path / "getmailrc").write_text(
        "[retriever]\ntype = SimpleIMAPRetriever\n"
        f"server = {HOST}\nport = {filled.imap_port}\nusername = alice\npassword = secret\n"
        f"mailboxes = ('INBOX', '{WORK}')\nmove_on_delete = Trash\n"
        f"[destination]\ntype = Mboxrd\npath = {box}\n{user}"
        "[options]\nread_all = true\ndelete = true\n")
    shutil.chown(tmp_path, "vmail" if os.geteuid() == 0 else os.getuid())
    done = run("getmail", f"--getmaildir={tmp_path}", "--rcfile=getmailrc")
    assert done.returncode == 0, done.stdout + done.stderr + filled.log
    text = box.read_text()
    assert [f"body of mail {n}" in text for n in range(3)] == [True] * 3
    assert "work text" in text
    assert subjects(filled, "INBOX") == {} and len(subjects(filled, "Trash")) == 4
    client.logout()


# --- alpine -------------------------------------------------------------------------

@need("alpine", "alpine")
def test_alpine_reads_saves_and_expunges(filled, tmp_path):
    client = filled.imap()
    client.create("Saved")
    (tmp_path / ".pinerc").write_text(
        f"inbox-path={{{HOST}:{filled.imap_port}/notls/user=alice}}INBOX\n"
        f"folder-collections=There {{{HOST}:{filled.imap_port}/notls/user=alice}}[]\n"
        "feature-list=quit-without-confirm,expunge-without-confirm,"
        "expunge-without-confirm-everywhere,enable-aggregate-command-set,"
        "no-save-will-quote-leading-froms,disable-password-caching\n"
        "last-version-used=9.99z99\nuser-domain=example.org\npersonal-name=Alice\n")
    env = dict(env_of(tmp_path), LANG="C.UTF-8")
    alpine = Terminal("alpine", "-p", tmp_path / ".pinerc", "-i", env=env)
    try:
        alpine.wait_for("(?i)password")
        alpine.type("secret\r")
        alpine.wait_for("Preserve password")
        alpine.type("n")
        alpine.wait_for("client test 2")
        alpine.type("\r")                   # open
        alpine.wait_for("body of mail")
        alpine.type("<")                    # index
        alpine.wait_for("client test")
        alpine.type("w")                    # search: select by WhereIs
        alpine.wait_for("(?i)find|search|word")
        alpine.type("test 1\r")
        alpine.wait_for("(?i)found|wrap|word")
        alpine.type("s")                    # save to the folder of that name
        alpine.wait_for("(?i)save")
        alpine.type("\x15Saved\r")
        wait_for(lambda: "client test 1" in subjects(filled, "Saved"), what=lambda: alpine.text)
        alpine.type("x")                    # expunge what was saved
        wait_for(lambda: "client test 1" not in subjects(filled, "INBOX"),
                 what=lambda: alpine.text)
        filled.deliver(b"Subject: fresh mail\r\n\r\nx\r\n")
        alpine.type("\x0c")                 # checks for new mail
        alpine.wait_for("fresh mail")
        alpine.type("q")
        time.sleep(0.5)
        alpine.type("y")
    finally:
        alpine.close()
    assert len(subjects(filled, "INBOX")) == 3
    client.logout()


# --- curl ------------------------------------------------------------------------------

@need("curl", "curl")
def test_curl_in_a_folder_of_a_special_name(filled, tmp_path):
    base = f"imap://{HOST}:{filled.imap_port}/"

    def curl(*arguments):
        done = run("curl", "-sS", "-u", "alice:secret", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    curl(base, "-X", f'CREATE "{WORK_UTF7}"')
    assert WORK_UTF7 in curl(base)
    work = base + "W%26APY-rk%20%26-%20more"
    new = tmp_path / "new.eml"
    new.write_text("Subject: by curl\r\n\r\nuploaded\r\n")
    curl("-T", new, work)
    assert "uploaded" in curl(work + ";UID=1")
    assert "uploaded" in curl(work + ";UID=1;SECTION=TEXT")
    assert "Flagged" in curl(work, "-X", r"STORE 1 +FLAGS (\Flagged)")
    assert curl(work + "?FLAGGED").split() == ["*", "SEARCH", "1"]
    curl(work, "-X", "MOVE 1 INBOX")
    assert subjects(filled, "INBOX")["by curl"] == {"\\Flagged", "\\Seen"}
    assert subjects(filled, WORK_UTF7) == {}


# --- libraries ----------------------------------------------------------------------------

PERL = r"""
use strict; use warnings; use utf8;
use Mail::IMAPClient;
my $c = Mail::IMAPClient->new(Server => '127.0.0.1', Port => $ARGV[0], User => 'alice',
    Password => 'secret', Uid => 1, Peek => 1, Timeout => 20) or die "connect: $@";
sub ok { my ($good, $what) = @_; die "$what: " . ($c->LastError // '') unless $good; }
my $work = $ARGV[1];
ok($c->has_capability('IDLE'), 'capability');
ok($c->create($work), 'create');
ok((grep { $_ eq $work } $c->folders), 'folders');
ok($c->select('INBOX'), 'select');
my @all = $c->messages;
ok(@all == 3, 'messages');
my $h = $c->parse_headers($all[1], 'Subject', 'From');
ok($h->{Subject}[0] eq 'client test 1', 'headers');
ok($c->body_string($all[1]) =~ /body of mail 1/, 'body');
my $bs = $c->get_bodystructure($all[0]);
ok($bs && $bs->bodytype =~ /text/i, 'bodystructure');
my $env = $c->get_envelope($all[2]);
ok($env->subject =~ /client test 2/, 'envelope');
my @found = $c->search('SUBJECT "client test 2"');

ok(@found == 1 && $found[0] == $all[2], 'search');
ok($c->set_flag('Flagged', $all[0]), 'flag');
ok((grep { $_ eq '\Flagged' } $c->flags($all[0])), 'flags');
ok($c->thread('REFERENCES'), 'thread');
my @sorted = $c->sort('REVERSE DATE', 'UTF-8', 'ALL');
ok($sorted[0] == $all[2], 'sort');
ok($c->move($work, $all[2]), 'move');
ok($c->expunge, 'expunge');
ok($c->message_count == 2, 'count');
my $uid = $c->append_string('INBOX', "Subject: by perl\r\n\r\nx\r\n", '\Seen');
ok($uid, 'append');
ok($c->delete_message($uid) && $c->expunge, 'delete');
ok($c->rename($work, "$work/below"), 'rename') if 0;
my $idle = $c->idle or die 'idle';
$| = 1; print "idle\n";
my $data;
for (1 .. 40) {
    $data = $c->idle_data(0.5);
    last if $data && grep { /EXISTS/ } @$data;
}
ok($data && (grep { /EXISTS/ } @$data), 'pushed');
ok($c->done($idle), 'done');
ok($c->select($work) && $c->message_count == 1, 'moved');
ok($c->select('INBOX') && $c->message_count == 3, 'new');
ok($c->logout, 'logout');
print "fine\n";
"""


def has_perl_library():
    return run("perl", "-MMail::IMAPClient", "-e", "1").returncode == 0


@pytest.mark.skipif(not has_perl_library() and "libmail-imapclient-perl" not in PACKAGES,
                    reason="needs libmail-imapclient-perl")
def test_perl_mail_imapclient(filled, tmp_path):
    script = tmp_path / "client.pl"
    script.write_text(PERL)
    process = subprocess.Popen(["perl", script, str(filled.imap_port), WORK_UTF7], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    line = process.stdout.readline()
    if line == "idle\n":
        filled.deliver(MAILS[0])
    text = line + process.communicate(timeout=40)[0]
    assert text.endswith("fine\n") and process.returncode == 0, text + filled.log


def test_imaplib_does_a_days_work(filled):
    client = filled.imap(tls=True)

    def ok(answer):
        assert answer[0] == "OK", answer
        return answer[1]

    ok(client.enable("UTF8=ACCEPT"))
    client._encoding = "utf-8"
    ok(client.create(f'"{WORK}"'))
    assert any(WORK.encode() in line for line in ok(client.list()))
    assert b"UNSEEN 0" in ok(client.status(f'"{WORK}"', "(MESSAGES UNSEEN)"))[0]
    ok(client.select("INBOX"))
    client.utf8_enabled = False     # its APPEND puts "UTF8 (" into the message
    ok(client.append(f'"{WORK}"', r"(\Flagged)", imaplib.Time2Internaldate(1e9),
                     "Subject: grüße\r\n\r\nkörper\r\n".encode()))
    client.utf8_enabled = True
    assert ok(client.uid("SEARCH", "BODY", '"mail 1"')) == [b"2"]
    assert ok(client.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")) == [b"3 2 1"]
    assert ok(client.thread("REFERENCES", "UTF-8", "ALL")) == [b"(1)(2)(3)"]
    ok(client.uid("MOVE", "2", f'"{WORK}"'))
    ok(client.store("1", "+FLAGS.SILENT", r"(\Deleted)"))
    assert ok(client.expunge())[-1] == b"1"     # with what MOVE said
    ok(client.select(f'"{WORK}"'))
    assert ok(client.search(None, "SUBJECT", '"grüße"')) == [b"1"]
    assert b"2001" in ok(client.fetch("1", "(INTERNALDATE)"))[0]
    ok(client.rename(f'"{WORK}"', f'"{WORK}-nächstes"'))
    ok(client.unselect())
    ok(client.delete(f'"{WORK}-nächstes"'))
    client.logout()


IMAPFLOW = r"""
const { ImapFlow } = require('imapflow');
const assert = require('assert');
const [port, ca, work] = process.argv.slice(2);
(async () => {
    const c = new ImapFlow({ host: 'localhost', port: +port, secure: true, logger: false,
        auth: { user: 'alice', pass: 'secret' },
        tls: { ca: require('fs').readFileSync(ca) } });
    await c.connect();
    assert(c.enabled.has('CONDSTORE'));
    await c.mailboxCreate(work);
    assert((await c.list()).some(m => m.path === work));
    let lock = await c.getMailboxLock('INBOX');
    assert.equal(c.mailbox.exists, 3);
    const seen = [];
    for await (const m of c.fetch('1:*', { envelope: true, bodyStructure: true, flags: true,
            threadId: true, source: true }))
        seen.push(m.envelope.subject);
    assert.deepEqual(seen, ['client test 0', 'client test 1', 'client test 2']);
    assert.deepEqual(await c.search({ subject: 'test 1' }, { uid: true }), [2]);
    assert(await c.messageFlagsAdd('1', ['\\Flagged']));
    const moved = await c.messageMove('2', work);
    assert.equal(moved.uidMap.get(2), 1);
    const added = await c.append('INBOX', 'Subject: by node\r\n\r\nx\r\n', ['\\Seen']);
    assert(added.uid > 3);
    await c.messageDelete(`${added.uid}`, { uid: true });
    const part = await c.download('1', 'TEXT');
    let text = '';
    for await (const chunk of part.content) text += chunk;
    assert(text.includes('body of mail 0'));
    assert.equal((await c.status(work, { messages: true })).messages, 1);
    const pushed = new Promise(done => c.on('exists', done));
    c.idle().catch(() => {});
    console.log('idle');
    const news = await pushed;
    assert(news.count > news.prevCount);
    lock.release();
    lock = await c.getMailboxLock(work);
    assert.equal((await c.fetchOne('*', { envelope: true })).envelope.subject, 'client test 1');
    lock.release();
    await c.mailboxRename(work, work + ' 2');
    await c.mailboxDelete(work + ' 2');
    await c.logout();
    console.log('fine');
})().catch(e => { console.log(e); process.exit(1); });
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_imapflow(filled, tmp_path):
    folder = pathlib.Path(os.environ.get("CULVER_BUILD_DIR", tmp_path)) / "npm"
    if not (folder / "node_modules" / "imapflow").exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True}))
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                               "imapflow@1"], cwd=folder, capture_output=True, text=True,
                              timeout=180)
        if done.returncode != 0:
            pytest.skip("npm cannot reach its registry: " + done.stderr[-300:])
    script = tmp_path / "client.js"
    script.write_text(IMAPFLOW)
    process = subprocess.Popen(
        ["node", script, str(filled.imaps_port), filled.dir / "cert.pem", WORK], text=True,
        env=dict(os.environ, NODE_PATH=str(folder / "node_modules")),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    line = process.stdout.readline()
    if line == "idle\n":
        filled.deliver(MAILS[0])
    text = line + process.communicate(timeout=40)[0]
    assert text.endswith("fine\n") and process.returncode == 0, text + filled.log


# --- neomutt --------------------------------------------------------------------------------

@need("neomutt", "neomutt")
def test_neomutt_searches_flags_and_saves(filled, tmp_path):
    client = filled.imap()
    client.create(f'"{WORK_UTF7}"')
    rc = tmp_path / "muttrc"
    rc.write_text(
        f'set folder="imap://alice@localhost:{filled.imap_port}/"\n'
        'set spoolfile="+INBOX"\nset imap_pass="secret"\nset ssl_starttls=no\n'
        f'set certificate_file="{filled.dir}/cert.pem"\n'
        'set sort=date\nset wait_key=no\nset confirmappend=no\nset quit=yes\nset delete=yes\n'
        'set imap_idle=yes\nset imap_qresync=yes\nset timeout=1\nset header_cache=""\n'
        'set charset=utf-8\n')
    mutt = Terminal("neomutt", "-n", "-F", rc, env=dict(env_of(tmp_path), LANG="C.UTF-8"))
    try:
        mutt.wait_for("client test 2")
        mutt.type("l~b 'mail 1'\r")         # limit by a search on the server
        mutt.wait_for("(?i)limit")
        mutt.type("F")
        mutt.wait_for("!|F")
        mutt.type("s")
        mutt.wait_for("(?i)save")
        # a blank would complete the name
        mutt.type("\x15+" + WORK.replace(" ", "\x16 ") + "\r")
        mutt.wait_for("(?i)copy|sav|creat|append")
        wait_for(lambda: "client test 1" in subjects(filled, WORK_UTF7), what=lambda: mutt.text)
        mutt.type("lall\r")
        mutt.type("$")
        wait_for(lambda: len(subjects(filled, "INBOX")) == 2, what=lambda: mutt.text)
        filled.deliver(b"Subject: pushed to mutt\r\n\r\nx\r\n")
        mutt.wait_for("pushed to mutt")
        mutt.type("q")
    finally:
        mutt.close()
    assert "\\Flagged" in subjects(filled, WORK_UTF7)["client test 1"]
    client.logout()
