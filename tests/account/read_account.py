#!/usr/bin/env python3
"""Reads an account's files as doc/format-account.md says, and prints the
account as JSON.

Written from the document alone, and with nothing but Python: where this and
core/account differ, one of them or the document is wrong.  It only reads.

    read_account.py DIRECTORY
"""
import array
import functools
import json
import pathlib
import re
import struct
import sys

MIB = 1 << 20
TABLE = []		# of one byte
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)
CONTROL = re.compile("[\x00-\x1f\x7f]")
TABLE_2 = []		# of two
for n in range(65536):
    first = TABLE[n & 255] ^ n >> 8
    TABLE_2.append(TABLE[first & 255] ^ first >> 8)


# Those who compare many states of an account read the same bytes each time.
@functools.lru_cache(1 << 15)
def crc(seed, *parts):
    n = seed ^ 0xFFFFFFFF
    data = b"".join(parts)
    words = array.array("H", data[:len(data) & ~1])
    if sys.byteorder == "big":
        words.byteswap()
    for word in words:
        n = TABLE_2[(n ^ word) & 65535] ^ n >> 16
    if len(data) & 1:
        n = TABLE[(n ^ data[-1]) & 255] ^ n >> 8
    return n ^ 0xFFFFFFFF


class Damaged(Exception):
    pass


class Nonsense(Exception):
    """A record that is skipped (2.6)."""


class Payload:
    def __init__(self, data):
        self.data, self.at = data, 0

    def get(self, form):
        size = struct.calcsize("<" + form)
        values = struct.unpack("<" + form, self.bytes(size))
        return values[0] if len(values) == 1 else values

    def bytes(self, size):
        if len(self.data) - self.at < size:
            raise Nonsense("too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def rest(self):
        return self.bytes(len(self.data) - self.at)


def name_ok(name, longest=4096):
    if not 1 <= len(name) <= longest or 0 in name:
        raise Nonsense("name")
    return name


def align(n):
    return (n + 7) & ~7


def version_ok(data, at_features, known=0):
    major = struct.unpack_from("<H", data, 8)[0]
    features = struct.unpack_from("<I", data, at_features)[0]
    if major != 1 or features & ~known != 0:
        raise SystemExit(f"format {major}, features {features:#x}: newer")


# --- snapshot (3) -----------------------------------------------------------

COLUMNS = "IIIQqqQQ16sQQ"
BLOCK = 65536


class Snapshot:
    def __init__(self, data, account, folder, generation):
        if len(data) < 512 or data[:8] != b"CVsnap\r\n" or \
                crc(0, data[:508]) != struct.unpack_from("<I", data, 508)[0]:
            raise Damaged("snapshot header")
        version_ok(data, 92, 1)
        (a, f, g, self.txn, rows, keywords, sets, expunged, blocks_at,
         blocks_crc) = struct.unpack_from("<16s16sQQIIIIQI", data, 16)
        if (a, f, g) != (account, folder, generation):
            raise Damaged("snapshot of something else")
        count = (blocks_at + BLOCK - 1) // BLOCK
        blocks = data[blocks_at:blocks_at + 4 * count]
        if blocks_at % 16 or len(blocks) != 4 * count or \
                crc(0, blocks) != blocks_crc:
            raise Damaged("block checksums")
        for i, want in enumerate(struct.unpack(f"<{count}I", blocks)):
            start = 512 if i == 0 else i * BLOCK
            if crc(0, data[start:min((i + 1) * BLOCK, blocks_at)]) != want:
                raise Damaged(f"block {i}")
        self.sections = []
        for i in range(16):
            at, size = struct.unpack_from("<QQ", data, 96 + 16 * i)
            if at < 512 or at % 16 or at + size > blocks_at:
                raise Damaged(f"section {i}")
            self.sections.append(data[at:at + size])
        self.read(rows, keywords, sets, expunged)
        if struct.unpack_from("<I", data, 92)[0] & 1:
            at, size = struct.unpack_from("<QQ", data, 352)
            if size and (at < 512 or at % 16 or at + size > blocks_at):
                raise Damaged("section 16")
            self.annotate(Payload(data[at:at + size]))

    def annotate(self, p):
        while p.at < len(p.data):
            uid, n, owner, entry, _, modseq = p.get("IIHHIQ")
            key = p.bytes(owner), p.bytes(entry)
            if uid in self.messages:
                self.messages[uid]["notes"][key] = p.bytes(n), modseq

    def read(self, rows, keywords, sets, expunged):
        forms = re.findall(r"\d*[a-zA-Z]", COLUMNS)
        columns = [[v for v, in struct.iter_unpack("<" + form, data)]
                   for form, data in zip(forms, self.sections)]
        if any(len(column) != rows for column in columns):
            raise Damaged("columns")
        names = Payload(self.sections[12])
        self.keywords = [names.bytes(names.get("H")) for _ in range(keywords)]
        all_sets = Payload(self.sections[13])
        self.sets = [()]
        for _ in range(sets):
            n = all_sets.get("H")
            self.sets.append(struct.unpack(f"<{n}H", all_sets.bytes(2 * n)))
        self.expunged = [list(e) for e in
                         struct.iter_unpack("<IIQ", self.sections[14])]
        if len(self.expunged) != expunged:
            raise Damaged("expunged")
        self.messages = {}
        for (uid, flags, number, modseq, received, saved, size, virtual, guid,
             blob, entry) in zip(*columns):
            at, n = blob & (1 << 48) - 1, blob >> 48 & 0x7FFF
            self.messages[uid] = dict(
                uid=uid, flags=flags, keywords=set(self.sets[number]),
                modseq=modseq, received=received, saved=saved, size=size,
                virtual_size=virtual, guid=guid,
                blob=self.sections[11][at:at + n], at=entry,
                body=None, entry=None, notes={})


# --- journal (2) ------------------------------------------------------------

class Record:
    """One at an offset; Damaged when there is none."""

    def __init__(self, journal, at):
        data = journal.data
        if at + 24 > len(data):
            raise Damaged("end")
        (size, self.type, self.flags, self.txn, self.payload_crc,
         self.crc) = struct.unpack_from("<IHHQII", data, at)
        self.start, self.end = at, at + 24 + align(size)
        if self.type == 0 or size > 4 * MIB or self.end > len(data):
            raise Damaged("no record")
        self.payload = data[at + 24:at + 24 + size]
        self.opaque = bool(self.flags & 1)
        if crc(journal.seed, struct.pack("<Q", at), data[at:at + 20],
               b"" if self.opaque else self.payload) != self.crc:
            raise Damaged("checksum")

    def commit(self):
        if self.type != 1 or self.opaque or \
                not 32 <= len(self.payload) <= 4096:
            raise Damaged("no commit record")
        return struct.unpack_from("<QIIQQ", self.payload)


class Journal:
    def __init__(self, data, generation):
        self.data = data
        if len(data) < 128 or data[:8] != b"CVjrnl\r\n" or \
                crc(0, data[:124]) != struct.unpack_from("<I", data, 124)[0]:
            raise Damaged("journal header")
        version_ok(data, 72)
        self.guid, self.generation, self.salt, self.base_txn, self.base_end = \
            struct.unpack_from("<16sQ8sQQ", data, 16)
        if self.generation != generation:
            raise Damaged("generation")
        self.seed = crc(0, self.guid, struct.pack("<Q", generation), self.salt)
        self.groups, self.undone, self.salvaged = [], [], None
        self.damaged = self.torn = self.ended = False
        self.durable = 0
        self.read()

    def group(self, at, last):
        start, chain, records = at, 0, []
        while True:
            record = Record(self, at)
            if record.type == 2:
                raise Damaged("ended within a group")
            records.append(record)
            at = record.end
            if record.type == 1:
                break
            chain = crc(chain, struct.pack("<I", record.crc))
        size, want, count, durable, _ = record.commit()
        numbers = [r.txn for r in records]
        if (size, want, count) != (at - start, chain, len(records) - 1) or \
                max(numbers) > record.txn or \
                start != 128 and (set(numbers) != {record.txn} or
                                  record.txn <= last):
            raise Damaged("group")
        self.durable = max(self.durable, durable)
        return records

    def resume(self, start):
        """Behind a bad place: where to go on when it was durable once."""
        data, found = self.data, None
        for at in range(start, min(start + 64 * MIB, len(data) - 55), 8):
            size, kind = struct.unpack("<IH", data[at:at + 6])
            if kind != 1 or not 32 <= size <= 4096:
                continue    # told before its checksum is computed
            try:
                record = Record(self, at)
                size, _, _, durable, _ = record.commit()
            except Damaged:
                continue
            if found is None:
                found = record.end
                if size < found - start:
                    found -= size
            if durable > start:
                return found
        return None

    def salvage(self):
        """What is right of a damaged state section."""
        at, end, self.salvaged = 128, self.base_end, []
        if end < 128 or end > len(self.data) or end % 8:
            end = len(self.data)
        while at < end:
            try:
                record = Record(self, at)
                if record.end > end:
                    raise Damaged("behind the end")
            except Damaged:
                at += 8
                continue
            if record.type not in (1, 2) and record.txn <= self.base_txn:
                self.salvaged.append(record)
            at = record.end
        return end

    def read(self):
        at, last = 128, 0
        if at >= len(self.data):
            self.damaged, at = True, self.salvage()
        while at < len(self.data):
            try:
                record = Record(self, at)
                if record.type == 2 and len(record.payload) == 16:
                    self.end_with(record)
                    break
            except Damaged:
                pass
            try:
                records = self.group(at, last)
            except Damaged:
                at = self.salvage() if at == 128 else self.resume(at)
                if at is None:
                    self.torn = True
                    break
                self.damaged = True
                last = last or self.base_txn
                continue
            self.groups.append(records)
            at, last = records[-1].end, records[-1].txn
        self.check_payloads()

    def end_with(self, record):
        self.ended = True
        reason, _, start = struct.unpack("<IIQ", record.payload)
        if reason == 1:
            self.undone = [r for g in self.groups if g[0].start >= start
                           for r in g]
            self.groups = [g for g in self.groups if g[0].start < start]

    def check_payloads(self):
        for i, records in enumerate(self.groups):
            if records[0].start >= self.durable and any(
                    r.opaque and crc(0, r.payload) != r.payload_crc
                    for r in records):
                del self.groups[i:]
                self.undone, self.torn, self.ended = [], True, False
                return


# --- what the records do (2.6) ----------------------------------------------

IMAP, DRIVER = 0x1F, 0xF0000
FOLDER = ("uidvalidity", "uidnext", "recent", "attributes", "highestmodseq",
          "forgotten", "messages", "unseen", "size", "virtual_size",
          "snapshot", "previous", "damaged")


class Folder(dict):
    def load(self, account):
        """The messages of the snapshot."""
        self["rows"], self["keywords"], self["expunged"] = {}, [], []
        self["snapshot_txn"] = 0
        if self["snapshot"] == 0:
            return
        try:
            file = account.path / "{}.{}.snap".format(self["guid"].hex(),
                                                      self["snapshot"])
            s = Snapshot(file.read_bytes(), account.guid, self["guid"],
                         self["snapshot"])
            self["rows"], self["keywords"] = s.messages, s.keywords
            self["expunged"], self["snapshot_txn"] = s.expunged, s.txn
        except (Damaged, Nonsense, FileNotFoundError) as e:
            account.complain(f"snapshot {self['snapshot']}: {e!r}")
            self["damaged"] = True
            self.update(messages=0, unseen=0, size=0, virtual_size=0,
                        forgotten=self["highestmodseq"])

    def count(self, message, sign):
        self["messages"] += sign
        self["unseen"] += 0 if message["flags"] & 8 else sign
        self["size"] += sign * message["size"]
        self["virtual_size"] += sign * message["virtual_size"]

    def list_expunged(self, uid, modseq):
        expunged = self["expunged"]
        if expunged and expunged[-1][1:] == [uid - 1, modseq]:
            expunged[-1][1] = uid
        else:
            expunged.append([uid, uid, modseq])

    def raise_modseq(self, modseq):
        self["highestmodseq"] = max(self["highestmodseq"], modseq)

    def living(self, first, last):
        return sorted(u for u in self["rows"] if first <= u <= last)

    def indexes(self, p, count):
        indexes = struct.unpack(f"<{count}H", p.bytes(2 * count))
        if list(indexes) != sorted(set(indexes)) or \
                any(i >= len(self["keywords"]) for i in indexes):
            raise Nonsense("keywords")
        return set(indexes)


class Account:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.problems, self.folders = [], {}
        self.subscriptions, self.metadata = [], {}
        self.uidvalidity = self.txn = 0
        generations = sorted((int(f.name[8:]) for f in self.path.iterdir()
                              if re.fullmatch(r"journal\.[0-9]+", f.name)),
                             reverse=True)
        for g in generations:
            try:
                file = self.path / f"journal.{g}"
                self.journal = Journal(file.read_bytes(), g)
                break
            except Damaged as e:
                self.complain(f"journal {g}: {e}")
        else:
            raise SystemExit("no journal can be read")
        self.guid = self.journal.guid
        self.in_state = True
        recovered = []
        if self.journal.salvaged is not None:
            self.apply_records(self.journal.salvaged)
            self.txn, self.in_state = self.journal.base_txn, False
            recovered = self.recover()
        for records in self.journal.groups:
            self.apply_group(records)
        for f in recovered:
            f["uidnext"] = min(f["uidnext"] + 65536, 2**32 - 2)
        if self.journal.damaged:
            self.complain("journal: damaged in the middle")
            for f in self.folders.values():
                f["damaged"] = True
        if self.journal.undone:
            self.undo(self.journal.undone)

    def complain(self, text):
        self.problems.append(text)

    def recover(self):
        """Folders of which only the newest snapshot is left (5)."""
        newest = {}
        for file in self.path.iterdir():
            m = re.fullmatch(r"([0-9a-f]{32})\.([0-9]+)\.snap", file.name)
            if m and bytes.fromhex(m[1]) not in self.folders:
                newest.setdefault(m[1], []).append(int(m[2]))
        known = {f["name"] for f in self.folders.values()}
        recovered = []
        for name, generation in ((n, g) for n, all_of in newest.items()
                                 for g in sorted(all_of, reverse=True)):
            guid, file = bytes.fromhex(name), f"{name}.{generation}.snap"
            if guid in self.folders:
                continue
            try:
                s = Snapshot((self.path / file).read_bytes(), self.guid, guid,
                             generation)
                if s.sections[15][:16] != guid:
                    raise Damaged("folder")
                self.do_folder(None, Payload(s.sections[15]))
            except (Damaged, Nonsense) as e:
                self.complain(f"{file}: {e!r}")
                continue
            f = self.folders[guid]
            f.update(damaged=True, snapshot=generation, previous=0)
            if f["name"] in known:
                del self.folders[guid]
            else:
                recovered.append(f)
        return recovered

    def apply_group(self, records):
        self.apply_records(records[:-1])
        self.txn = records[-1].txn
        self.in_state = False

    def apply_records(self, records):
        self.last = None
        for r in records:
            known = self.KINDS.get(r.type)
            if known is None:
                if not r.flags & 2:
                    self.complain("records of a newer version")
                continue
            try:
                if r.opaque != (r.type in (14, 15)):
                    raise Nonsense("opaque")
                known(self, r, Payload(r.payload))
            except Nonsense as e:
                self.complain(f"record at {r.start} skipped: {e}")

    def folder(self, p):
        folder = self.folders.get(p.bytes(16))
        if folder is None:
            raise Nonsense("no such folder")
        return folder

    def do_account(self, r, p):
        self.uidvalidity = max(self.uidvalidity, p.get("I"))

    def do_folder(self, r, p):
        guid = p.bytes(16)
        values = dict(zip(FOLDER, p.get("4IQQIIQQQQI")))
        values["damaged"] = bool(values["damaged"] & 1)
        name = name_ok(p.bytes(p.get("I")))
        if values["uidnext"] == 0:
            raise Nonsense("UIDNEXT")
        f = self.folders.setdefault(guid, Folder(guid=guid, state=b"",
                                                 metadata={}))
        f.update(values, name=name)
        self.uidvalidity = max(self.uidvalidity, f["uidvalidity"])
        f.load(self)

    def do_rename(self, r, p):
        f = self.folder(p)
        f["name"] = name_ok(p.rest())

    def do_delete(self, r, p):
        del self.folders[self.folder(p)["guid"]]

    def do_set(self, r, p):
        f, (what, value) = self.folder(p), p.get("II")
        if what == 0:
            f["attributes"] = value
        elif what in (1, 2):
            key = "uidnext" if what == 1 else "recent"
            f[key] = max(f[key], value)
        elif what == 3:
            f["damaged"] = False
        elif what == 4:
            if not self.in_state:
                f.raise_modseq(r.txn)
        elif what == 5:
            modseq = p.get("Q")
            if not 0 < modseq <= r.txn:
                raise Nonsense("modseq")
            if not self.in_state:
                f.update(highestmodseq=modseq, forgotten=modseq)
        else:
            raise Nonsense("what")

    def do_reset(self, r, p):
        f, (uidvalidity, uidnext) = self.folder(p), p.get("II")
        if uidnext == 0:
            raise Nonsense("UIDNEXT")
        f.update(uidvalidity=uidvalidity, uidnext=uidnext, recent=1,
                 messages=0, unseen=0, size=0, virtual_size=0,
                 highestmodseq=r.txn, forgotten=r.txn, damaged=False,
                 snapshot=0)
        self.uidvalidity = max(self.uidvalidity, uidvalidity)
        f.load(self)

    def do_state(self, r, p):
        f = self.folder(p)
        f["state"] = p.rest()

    def do_subscribe(self, r, p):
        on, name = p.get("I"), name_ok(p.rest())
        if name in self.subscriptions:
            self.subscriptions.remove(name)
        if on:
            self.subscriptions.append(name)

    def do_metadata(self, r, p):
        guid, (size, present) = p.bytes(16), p.get("II")
        key, value = p.bytes(size), p.rest()
        if guid == bytes(16):
            into = self.metadata
        else:
            into = self.folder(Payload(guid))["metadata"]
        into.pop(key, None)
        if present:
            into[key] = value

    def do_keyword(self, r, p):
        f, index, name = self.folder(p), p.get("I"), name_ok(p.rest(), 255)
        if index == len(f["keywords"]) < 4096:
            f["keywords"].append(name)

    def do_append(self, r, p):
        self.last = None
        f, m = self.folder(p), dict(modseq=r.txn, body=None, entry=None)
        (m["guid"], uid, flags, m["received"], m["saved"], m["size"],
         m["virtual_size"], m["at"], count, size) = p.get("16sIIqqQQQHH")
        m["uid"], m["flags"] = uid, flags & (IMAP | DRIVER)
        before = f["uidnext"]
        if not self.in_state and before <= uid < 2**32 - 1:
            f["uidnext"] = uid + 1  # also when it is skipped
        m["keywords"] = f.indexes(p, count)
        m["blob"] = p.bytes(size)
        if uid == 0 or size > 1024:
            raise Nonsense("append")
        if self.in_state:
            if uid not in f["rows"] and uid < max(f["rows"], default=0):
                raise Nonsense("UID")
        else:
            if uid < before or uid == 2**32 - 1:
                raise Nonsense("UID")
            f.count(m, 1)
            f.raise_modseq(r.txn)
        rest = p.rest()
        if len(rest) >= 8:
            given = struct.unpack("<Q", rest[:8])[0]
            m["modseq"] = given if 0 < given < r.txn else r.txn
        m["notes"] = f["rows"].get(uid, {}).get("notes", {})
        f["rows"][uid] = self.last = m

    def do_opaque(self, r, p):
        if self.last is None:
            raise Nonsense("without its append")
        if crc(0, r.payload) == r.payload_crc:
            self.last["body" if r.type == 14 else "entry"] = r.payload

    @staticmethod
    def ranges(p, count):
        for _ in range(count):
            first, last = p.get("II")
            if first == 0 or last < first:
                raise Nonsense("range")
            yield first, last

    def do_flags(self, r, p):
        f, (op, flags, count, ranges) = self.folder(p), p.get("4I")
        flags &= IMAP | DRIVER
        if op > 2:
            raise Nonsense("operation")
        keywords = f.indexes(p, count)
        p.bytes(align(2 * count) - 2 * count)
        for first, last in self.ranges(p, ranges):
            for uid in f.living(first, last):
                m = f["rows"][uid]
                old, had = m["flags"], m["keywords"]
                m["flags"] = (old | flags if op == 0 else old & ~flags
                              if op == 1 else old & DRIVER | flags & IMAP)
                m["keywords"] = (had | keywords if op == 0 else had - keywords
                                 if op == 1 else keywords)
                f["unseen"] += ((old & 8) - (m["flags"] & 8)) // 8
                if (old ^ m["flags"]) & IMAP or had != m["keywords"]:
                    m["modseq"] = r.txn
                    f.raise_modseq(r.txn)

    def do_expunge(self, r, p):
        f, (ranges, carried) = self.folder(p), p.get("II")
        for first, last in self.ranges(p, ranges):
            if carried & 1:
                f["expunged"].append([first, last, r.txn])
            for uid in f.living(first, last):
                m = f["rows"].pop(uid)
                if not carried & 1:
                    f.list_expunged(uid, r.txn)
                if not self.in_state:
                    f.count(m, -1)
                    f.raise_modseq(r.txn)

    def do_blob(self, r, p):
        f, (uid, size) = self.folder(p), p.get("II")
        blob = p.bytes(size)
        if size > 1024:
            raise Nonsense("blob")
        if uid in f["rows"]:
            f["rows"][uid]["blob"] = blob

    def do_sizes(self, r, p):
        f, (uid, _) = self.folder(p), p.get("II")
        m = f["rows"].get(uid)
        if m is not None:
            size, virtual = p.get("QQ")
            f.count(m, -1)
            m["size"], m["virtual_size"] = size, virtual
            f.count(m, 1)

    def do_annotation(self, r, p):
        f, (uid, present, owner, entry) = self.folder(p), p.get("IIHH")
        key = p.bytes(owner), p.bytes(entry)
        value = p.rest() if present else None
        m = f["rows"].get(uid)
        if m is None:
            return
        notes = m["notes"]
        if owner > 1024 or not 0 < entry <= 1024 or len(value or b"") > MIB:
            raise Nonsense("annotation")
        if notes.get(key, (None,))[0] == value:
            return
        if value is None:
            del notes[key]
        elif key not in notes and len(notes) >= 1000:
            raise Nonsense("annotations")
        else:
            notes[key] = value, r.txn
        if not self.in_state:
            f.raise_modseq(r.txn)
            if self.last is not m:
                m["modseq"] = r.txn

    KINDS = {3: do_account, 4: do_folder, 5: do_rename, 6: do_delete,
             7: do_set, 8: do_reset, 9: do_state, 10: do_subscribe,
             11: do_metadata, 12: do_keyword, 13: do_append, 14: do_opaque,
             15: do_opaque, 16: do_flags, 17: do_expunge, 18: do_blob,
             19: do_sizes, 20: do_annotation}

    def undo(self, records):
        """Groups that an ended record took back (2.4)."""
        self.txn = max([self.txn] + [r.txn for r in records]) + 1
        for r in records:
            try:
                p = Payload(r.payload)
                f = self.folder(p) if r.type in (13, 16, 17, 20) else None
                if r.type == 13:
                    _, uid = p.get("16sI")
                    if f["uidnext"] <= uid < 2**32 - 1:
                        f["uidnext"] = uid + 1
                        f.list_expunged(uid, self.txn)
                        f.raise_modseq(self.txn)
                elif f is not None:
                    if r.type == 20:
                        uid = p.get("I")
                        if uid in f["rows"]:
                            f["rows"][uid]["modseq"] = self.txn
                            f.raise_modseq(self.txn)
                        continue
                    if r.type == 16:
                        _, _, count, ranges = p.get("4I")
                        p.bytes(align(2 * count))
                    else:
                        ranges, _ = p.get("II")
                    for first, last in self.ranges(p, ranges):
                        for uid in f.living(first, last):
                            f["rows"][uid]["modseq"] = self.txn
                            f.raise_modseq(self.txn)
            except Nonsense:
                pass

    # --- catalogue (4) ------------------------------------------------------

    def entries(self, folder):
        """Offset and bytes of each entry: by offset, and the last by GUID."""
        by_place, by_guid = {}, {}
        try:
            file = self.path / (folder["guid"].hex() + ".cat")
            data = file.read_bytes()
        except FileNotFoundError:
            return by_place, by_guid
        if data[:48] != b"CVcatl\r\n" + struct.pack("<HHI", 1, 0, 64) + \
                self.guid + folder["guid"] or len(data) < 64 or \
                crc(0, data[:60]) != struct.unpack_from("<I", data, 60)[0]:
            return by_place, by_guid
        at = 64
        while at + 32 <= len(data):
            mark, size, want, _, guid = struct.unpack_from("<4I16s", data, at)
            if mark != 0x43617445 or size > MIB:
                break
            entry = data[at + 32:at + 32 + size]
            good = len(entry) == size and \
                crc(0, guid, struct.pack("<I", size), entry) == want
            by_guid[guid] = entry if good else None
            if good:
                by_place[at, guid] = entry
            at += 32 + align(size)
        return by_place, by_guid

    # --- what is printed ----------------------------------------------------

    def message(self, folder, m, entries):
        by_place, by_guid = entries
        entry = m["entry"]
        if entry is None:
            entry = by_place.get((m["at"], m["guid"]),
                                 by_guid.get(m["guid"]))
        names = folder["keywords"]
        return dict(
            what="message", folder=folder["guid"].hex(), uid=m["uid"],
            flags=flag_names(m["flags"]),
            keywords=[text(names[i]) for i in sorted(m["keywords"])],
            modseq=m["modseq"], received=m["received"], saved=m["saved"],
            size=m["size"], virtual_size=m["virtual_size"],
            guid=m["guid"].hex(), blob=text(m["blob"]),
            body=summary(m["body"]), entry=summary(entry))

    @staticmethod
    def notes(folder, m):
        for (owner, entry), (value, modseq) in m["notes"].items():
            yield dict(what="annotation", folder=folder["guid"].hex(),
                       uid=m["uid"], owner=text(owner), entry=text(entry),
                       modseq=modseq, value=text(value))

    def items(self):
        j = self.journal
        yield dict(what="account", guid=self.guid.hex(),
                   generation=j.generation, txn=self.txn,
                   uidvalidity=self.uidvalidity,
                   subscriptions=[text(s) for s in self.subscriptions],
                   damaged=bool(self.problems))
        yield from metadata_items(bytes(16), self.metadata)
        for f in self.folders.values():
            item = dict(what="folder", folder=f["guid"].hex(),
                        name=text(f["name"]))
            item.update((key, f[key]) for key in FOLDER)
            item.update(state=text(f["state"]),
                        keywords=[text(k) for k in f["keywords"]],
                        expunged=["%d:%d:%d" % tuple(e) for e in f["expunged"]])
            yield item
            yield from metadata_items(f["guid"], f["metadata"])
            entries = self.entries(f)
            for uid in sorted(f["rows"]):
                yield self.message(f, f["rows"][uid], entries)
                yield from self.notes(f, f["rows"][uid])


FLAGS = ((1, "Answered"), (2, "Flagged"), (4, "Deleted"), (8, "Seen"),
         (16, "Draft"), (65536, "driver0"), (131072, "driver1"),
         (262144, "driver2"), (524288, "driver3"))


def flag_names(flags):
    return [name for bit, name in FLAGS if flags & bit]


def summary(data):
    return None if data is None else f"{len(data)}:{crc(0, data):08x}"


@functools.lru_cache(1 << 15)
def text(data):
    """Text as it is, anything else in hexadecimal digits."""
    try:
        s = data.decode()
        if not CONTROL.search(s):
            return s
    except UnicodeDecodeError:
        pass
    return {"hex": data.hex()}


def metadata_items(guid, pairs):
    for key, value in pairs.items():
        yield dict(what="metadata", folder=guid.hex(), key=text(key),
                   value=text(value))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: read_account.py DIRECTORY")
    json.dump(list(Account(sys.argv[1]).items()), sys.stdout, indent=1)
    print()
