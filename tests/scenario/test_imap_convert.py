"""CONVERT [RFC5259]: parts in other charsets and HTML as text, over real
sockets, with the RFC's examples and errors."""
import base64

import pytest

from test_imap_session import box, wire  # noqa: F401

MIXED = (
    b"From: a@example.org\r\nSubject: =?KOI8-R?Q?why_encode_this?=\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n"
    b"--b\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lG\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes("<html><h1>Grüße</h1><p>a &amp; b<ul><li>x</ul></html>".encode())
    .replace(b"\n", b"\r\n")
    + b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: =?iso-8859-1?Q?=E4?=\r\nContent-Type: text/plain\r\n\r\ninner\r\n"
    b"--b--\r\n")
TEXT = "Grüße\r\n\r\na & b\r\n* x\r\n"


@pytest.fixture
def mixed(box):  # noqa: F811
    box.append(MIXED, box.name)
    return box


def test_conversions(box):  # noqa: F811
    words = box.do("CAPABILITY")[0].split()
    # [RFC5259 3.1]
    assert "CONVERT" in words and "BINARY" in words
    # [RFC5259 7.1]
    assert box.do('CONVERSIONS "text/plain" "text/plain"')[:-1] == [
        '* CONVERSION "text/plain" "text/plain" ("charset" "unknown-character-replacement")']
    lines = box.do('CONVERSIONS "text/html" "*"')
    assert any('"text/html" "text/plain"' in line for line in lines)
    assert box.do('CONVERSIONS "image/*" "text/*"') == [
        f"t{box.count} OK Conversions completed."]
    assert len(box.do('CONVERSIONS "*" "*"')) > 3
    for wrong in ("text", '"*/x" "*"', '"text/plain"', '"a/b/c" "*"', '"text/pl*" "*"'):
        assert " BAD " in box.do("CONVERSIONS " + wrong)[-1]
    box.do("UNSELECT")
    assert " OK " in box.do('CONVERSIONS "*" "*"')[-1]
    assert " BAD " in box.do("CONVERT 1 (NIL) BINARY[1]")[-1]


def test_html_and_charsets(mixed):
    text = TEXT.encode()
    lines = mixed.do('CONVERT 4 ("text/plain" ("charset" "utf-8")) BINARY[3]')
    tag = f"t{mixed.count}"
    assert lines[0].encode("latin-1") == (
        b'* 4 CONVERTED (TAG "%s") (BINARY[3] {%d}\r\n%s)' % (tag.encode(), len(text), text))
    assert lines[1] == f"{tag} OK Convert completed."
    # never \Seen
    assert "\\Seen" not in mixed.do("FETCH 4 FLAGS")[0]
    # the size first, then pieces
    latin = TEXT.encode("iso-8859-15")
    param = '("TEXT/PLAIN" ("CHARSET" "iso-8859-15"))'
    assert mixed.do(f"UID CONVERT 4 {param} BINARY.SIZE[3]")[0].endswith(
        f"(UID 4 BINARY.SIZE[3] {len(latin)})")
    got = b""
    for start in range(0, len(latin) + 5, 5):
        line = mixed.do(f"UID CONVERT 4 {param} BINARY[3]<{start}.5>")[0].encode("latin-1")
        head, data = line.split(b"}\r\n", 1)
        assert b"(UID 4 BINARY[3]<%d> {" % start in head
        got += data[:-1]
    assert got == latin
    # what the part is afterwards, in the order that was asked for
    line = mixed.do(f"CONVERT 4 {param} (BODYPARTSTRUCTURE[3] BINARY[3])")[0]
    assert (f'(BODYPARTSTRUCTURE[3] ("text" "plain" ("charset" "iso-8859-15") NIL NIL "8bit" '
            f'{len(latin)} 4 NIL NIL NIL NIL) BINARY[3] {{{len(latin)}}}') in line
    # the default conversion
    assert mixed.do("CONVERT 4 (NIL) BINARY.SIZE[3]")[0].endswith(f"BINARY.SIZE[3] {len(text)})")
    assert mixed.do("CONVERT 4 (NIL) AVAILABLECONVERSIONS[1]")[0].endswith(
        'AVAILABLECONVERSIONS[1] (("text/plain")))')
    # NULs go in a literal8
    assert "BINARY[4.1] ~{10}\r\n" in mixed.do(
        'CONVERT 4 ("text/plain" ("charset" "utf-16le")) BINARY[4.1]')[0]


def test_characters_without_a_place(mixed):
    # [RFC5259 6]
    lines = mixed.do('CONVERT 4 ("text/plain" ("charset" "us-ascii")) BINARY[3]')
    assert ('(BINARY[3] (ERROR "The text has characters that the charset has not" BADPARAMETERS '
            '"text/html" "text/plain" ("charset" "us-ascii")))') in lines[0]
    assert lines[1].endswith(" NO All conversions failed.")
    lines = mixed.do('CONVERT 4 ("text/plain" ("charset" "us-ascii" '
                     '"unknown-character-replacement" "?")) BINARY[3]')
    assert "Gr??e" in lines[0] and " OK " in lines[1]
    # [RFC5259 7.1] the replacement itself
    lines = mixed.do('CONVERT 4 ("text/plain" ("charset" "us-ascii" '
                     '"unknown-character-replacement" {2+}\r\nä)) BINARY[3]')
    assert '("unknown-character-replacement" {2}\r\nÃ¤)' in lines[0]
    assert " NO " in lines[1]
    # [RFC5259 9]
    lines = mixed.do('CONVERT 4 ("TEXT/PLAIN" (CHARSET "US-ASCII" '
                     'UNKNOWN-CHARACTER-REPLACEMENT "<badchar>")) BINARY[3]')
    assert "limited to 4 bytes" in lines[0]
    assert '("UNKNOWN-CHARACTER-REPLACEMENT" "<badchar>")' in lines[0]


def test_errors(mixed):
    # [RFC5259 9] NO, with what went wrong in place of the data
    lines = mixed.do('CONVERT 4 ("APPLICATION/PDF") BINARY[3]')
    assert 'BADPARAMETERS "text/html" "application/pdf"))' in lines[0]
    assert lines[1].endswith(" NO All conversions failed.")
    lines = mixed.do('CONVERT 4 ("TEXT/PLAIN") BINARY[3]')
    assert 'MISSINGPARAMETERS "text/html" "text/plain"("charset")))' in lines[0]
    assert 'BADPARAMETERS NIL "text/plain"))' in mixed.do("CONVERT 4 (NIL) BINARY[9]")[0]
    assert 'BADPARAMETERS "image/gif" "text/plain"))' in mixed.do("CONVERT 4 (NIL) BINARY[2]")[0]
    assert 'BADPARAMETERS "message/rfc822" "text/plain"))' in mixed.do(
        "CONVERT 4 (NIL) BINARY[]")[0]
    lines = mixed.do('UID CONVERT 4 ("IMAGE/JPEG" ("PIX-X" "128" "PIX-Y" "96")) BINARY[2]')
    assert 'BADPARAMETERS "image/gif" "image/jpeg"' in lines[0]
    lines = mixed.do('CONVERT 4 ("text/plain" ("charset" "klingon" "pix-x" "1")) BINARY[3]')
    assert '("pix-x" "1")' in lines[0]
    # one of two
    lines = mixed.do('CONVERT 4 ("text/plain" ("charset" "us-ascii")) '
                     '(BINARY.SIZE[3] BINARY.SIZE[4.1])')
    assert "(BINARY.SIZE[3] (ERROR " in lines[0] and "BINARY.SIZE[4.1] 5)" in lines[0]
    assert lines[1].endswith(" OK Some conversions failed.")
    # [RFC5259 8.5]
    parts = " ".join(f"BINARY[{n}]" for n in range(1, 12))
    assert "[MAXCONVERTPARTS 10]" in mixed.do(f"CONVERT 4 (NIL) ({parts})")[-1]
    for wrong in ("4 NIL BINARY[1]", '4 ("text") BINARY[1]', "4 (text/plain) BINARY[1]",
                  "4 (NIL) FLAGS", "4 (NIL)", "4 (NIL (charset)) BINARY[1]",
                  "4 (NIL) BINARY[1.MIME]", '4 ("text/plain") BODY[HEADER]',
                  "9 (NIL) BINARY[1]", "4 (NIL) BINARY.SIZE[1]<0.1>"):
        assert " BAD " in mixed.do("CONVERT " + wrong)[-1], wrong


def test_uidonly(mixed):
    """[RFC9586 3] by UID it works; the UID stands where the number would."""
    mixed.append(MIXED, mixed.name)
    mixed.do("NOOP")
    mixed.do("STORE 1 +FLAGS (\\Deleted)")
    mixed.do("EXPUNGE")     # numbers and UIDs are not the same any more
    assert "* ENABLED UIDONLY" in mixed.do("ENABLE UIDONLY")
    lines = mixed.do("UID CONVERT 4:5 (NIL) BINARY[1]")
    assert [line.split(" BINARY", 1)[0] for line in lines[:-1]] == [
        f'* {uid} CONVERTED (TAG "t{mixed.count}") (UID {uid}' for uid in (4, 5)]
    assert " OK " in lines[-1]
    assert " BAD [UIDREQUIRED]" in mixed.do("CONVERT 4 (NIL) BINARY[1]")[-1]
    assert " OK " in mixed.do("UID CONVERT 4 (NIL) AVAILABLECONVERSIONS[1]")[-1]


def test_headers(mixed):
    # [RFC5259 6] "_" for the blanks, which no encoded-word may have
    line = mixed.do('CONVERT 4 (NIL ("CHARSET" "utf-8")) BODY[HEADER]')[0]
    assert "Subject: =?UTF-8?Q?why_encode_this?=\r\n" in line
    assert "From: a@example.org\r\n" in line
    line = mixed.do('CONVERT 4 (NIL ("CHARSET" "utf-8")) (BODY[4.HEADER] BODY[1.MIME])')[0]
    assert "(BODY[4.HEADER] {" in line and "Subject: =?UTF-8?Q?=C3=A4?=\r\n" in line
    assert " BODY[1.MIME] {" in line and "charset=iso-8859-1" in line
    line = mixed.do("CONVERT 4 (NIL) BODY[HEADER]")[0]
    assert 'MISSINGPARAMETERS "text/rfc822-headers" "text/rfc822-headers"("charset")' in line
    line = mixed.do('CONVERT 4 (NIL ("CHARSET" "us-ascii")) BODY[4.HEADER]')[0]
    assert 'BADPARAMETERS "text/rfc822-headers"' in line


def test_a_message_that_goes(mixed, wire):  # noqa: F811
    other = wire()
    other.do(f"SELECT {mixed.name}")
    other.do("STORE 3 +FLAGS (\\Deleted)")
    other.do("EXPUNGE")
    # [RFC5259 6] no EXPUNGE while CONVERT is answered
    lines = mixed.do("CONVERT 4 (NIL) BINARY.SIZE[3]")
    assert not any("EXPUNGE" in line for line in lines)
    assert lines[0].startswith("* 4 CONVERTED ") and " OK " in lines[-1]
    assert any("3 EXPUNGE" in line for line in mixed.do("NOOP"))


def test_in_german(mixed):
    mixed.do("LANGUAGE DE")
    line = mixed.do('CONVERT 4 ("text/plain" ("charset" "us-ascii")) BINARY[3]')[0]
    assert '(ERROR "Der Text hat Zeichen, die der Zeichensatz nicht hat" BADPARAMETERS ' in line
