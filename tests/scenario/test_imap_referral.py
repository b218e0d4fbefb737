"""LOGIN-REFERRALS [RFC2221]: who has logged in is told where the mail is."""
import base64

import pytest

import culver

# what the passdb says beside the password
FIELDS = {
    "mike": "nologin host=server2.example.org",
    "matthew": "host=server2.example.org",
    "port": "nologin host=server2.example.org port=10143 destuser=port+x@example.com",
    "reason": "nologin host=192.0.2.7 port=143 reason=Moved_to_a_new_house",
    "six": "nologin host=2001:db8::1",
    "closed": "nologin reason=Closed_for_now",
    "proxied": "proxy host=server2.example.org",
    "wrong": "nologin host=server2.example.org port=99999",
    "evil": "nologin host=x]_y",
    "plain": "",
}


@pytest.fixture(scope="module")
def server():
    with culver.Server(users=dict.fromkeys(FIELDS, "secret"),
                       extra="auth_username_chars =\n") as s:
        path = s.dir / "users"
        path.write_text("".join(f"{name}:{{PLAIN}}secret::::::{fields}\n"
                                for name, fields in FIELDS.items()))
        yield s


def login(server, user, password="secret", how="LOGIN", before=()):
    with server.raw() as c:
        greeting = c.line().decode()
        for command in before:
            c.command(command)
        if how == "LOGIN":
            c.send(f"a LOGIN {user} {password}\r\n")
        else:
            token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            c.send(f"a AUTHENTICATE PLAIN {token}\r\n" if how == "IR"
                   else "a AUTHENTICATE PLAIN\r\n")
            if how == "CONTINUE":
                assert c.line().startswith(b"+")
                c.send(token + "\r\n")
        return greeting, [line.decode().rstrip("\r\n") for line in c.until("a")]


def test_it_is_announced_before_the_login(server):
    greeting, lines = login(server, "plain")
    assert " LOGIN-REFERRALS " in greeting
    assert "LOGIN-REFERRALS" not in lines[-1] and lines[-1].startswith("a OK [CAPABILITY ")


@pytest.mark.parametrize("how", ["LOGIN", "IR", "CONTINUE"])
def test_no_mailboxes_here(server, how):
    """[RFC2221 4.1] a tagged NO"""
    assert login(server, "mike", how=how)[1] == [
        "a NO [REFERRAL imap://mike;AUTH=*@server2.example.org/] Try this server instead."]


@pytest.mark.parametrize("how", ["LOGIN", "IR", "CONTINUE"])
def test_logged_in_though_the_mail_is_elsewhere(server, how):
    """[RFC2221 4.1] a tagged OK"""
    lines = login(server, "matthew", how=how)[1]
    assert lines[-2].startswith("* CAPABILITY IMAP4rev1 ")
    assert lines[-1] == ("a OK [REFERRAL imap://matthew;AUTH=*@server2.example.org/] "
                         "Logged in, but you should use this server instead.")
    lines = login(server, "matthew", how=how, before=["LANGUAGE de"])[1]
    assert lines[-1].endswith("] Angemeldet, aber dieser Server ist besser geeignet.")


@pytest.mark.parametrize("user, reply", [
    ("port", "NO [REFERRAL imap://port+x%40example.com;AUTH=*@server2.example.org:10143/] "
             "Try this server instead."),
    ("reason", "NO [REFERRAL imap://reason;AUTH=*@192.0.2.7/] Moved_to_a_new_house"),
    ("six", "NO [REFERRAL imap://six;AUTH=*@[2001:db8::1]/] Try this server instead."),
    ("closed", "NO [AUTHORIZATIONFAILED] Closed_for_now"),
])
def test_the_url(server, user, reply):
    assert login(server, user)[1] == ["a " + reply]


@pytest.mark.parametrize("user", ["proxied", "wrong", "evil"])
def test_what_is_no_referral(server, user):
    line = login(server, user)[1][-1]
    assert line.startswith("a NO ") and "REFERRAL" not in line


def test_a_long_tag_leaves_no_room(server):
    """the login counts, and the referral is left out"""
    with server.raw() as c:
        c.line()
        tag = "t" * 250
        assert c.command("LOGIN matthew secret", tag)[-1].startswith(
            f"{tag} OK [CAPABILITY ".encode())


def test_the_connection_goes_on_after_it(server):
    with server.raw() as c:
        c.line()
        assert b"REFERRAL" in c.command("LOGIN mike secret")[-1]
        assert c.command("LOGIN plain secret")[-1].startswith(b"x OK [CAPABILITY ")
        c.command("UNAUTHENTICATE")
        assert b"OK [REFERRAL" in c.command("LOGIN matthew secret")[-1]


@pytest.mark.parametrize("user", ["mike", "nobody"])
def test_a_wrong_password_learns_nothing(server, user):
    """[RFC2221 6]"""
    assert login(server, user, "guess")[1] \
        == ["a NO [AUTHENTICATIONFAILED] Authentication failed."]
