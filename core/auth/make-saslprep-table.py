#!/usr/bin/env python3
"""Writes saslprep-table.c, saslprep-parts.c and saslprep-wholes.c in this
folder: what SASLprep [RFC4013] needs of Unicode 3.2, which Python's stringprep
module and its old database know."""
import pathlib
import stringprep as s
from unicodedata import ucd_3_2_0 as u


def ranges(wanted):
    found = []
    for code in range(0x110000):
        if not wanted(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def prohibited(c):
    return any(table(c) for table in (
        s.in_table_c12, s.in_table_c21_c22, s.in_table_c3, s.in_table_c4,
        s.in_table_c5, s.in_table_c6, s.in_table_c7, s.in_table_c8,
        s.in_table_c9))


parts, wholes, pairs, classes = [], [], [], []
for code in range(0x110000):
    c = chr(code)
    if u.combining(c):
        if classes and classes[-1][1] == code - 1 and \
                classes[-1][2] == u.combining(c):
            classes[-1][1] = code
        else:
            classes.append([code, code, u.combining(c)])
    if 0xAC00 <= code < 0xD7A4:
        continue                    # by rule
    d = u.normalize("NFKD", c)
    if d != c:
        wholes.append(code << 14 | len(parts))
        parts += [ord(x) for x in d]
    d = u.decomposition(c)
    if d and not d.startswith("<") and " " in d and u.normalize("NFC", c) == c:
        first, second = d.split()
        pairs.append((int(first, 16), int(second, 16), code))
pairs.sort()


def rows(items):
    lines, line = [], "\t"
    for item in items:
        if len(line) + len(item) > 72:
            lines.append(line.rstrip())
            line = "\t"
        line += item + " "
    return "\n".join(lines + [line.rstrip()])


def table(kind, name, items):
    return (f"const struct {kind} {name}[] = {{\n{rows(items)}\n}};\n"
            f"const size_t {name}_count =\n"
            f"\tsizeof({name}) / sizeof({name}[0]);\n\n")


def range_table(name, found):
    return table("saslprep_range", name,
                 [f"{{ 0x{a:x}, 0x{b:x} }}," for a, b in found])


def write(name, what, text):
    path = pathlib.Path(__file__).parent / name
    path.write_text(f"""/* {name} - {what},
 * made by make-saslprep-table.py from Unicode {u.unidata_version}. */
#include "saslprep-private.h"

{text.rstrip()}
""")


assert len(parts) < 1 << 14 and max(wholes) < 1 << 32
write("saslprep-table.c", "characters as [RFC4013 2] sorts them",
      range_table("saslprep_prohibited", ranges(prohibited))
      + range_table("saslprep_space", ranges(s.in_table_c12))
      + range_table("saslprep_nothing", ranges(s.in_table_b1))
      + range_table("saslprep_right", ranges(s.in_table_d1))
      + range_table("saslprep_left", ranges(s.in_table_d2))
      + table("saslprep_pair", "saslprep_pairs",
              [f"{{ 0x{a:x}, 0x{b:x}, 0x{c:x} }}," for a, b, c in pairs])
      + table("saslprep_class", "saslprep_classes",
              [f"{{ 0x{a:x}, 0x{b:x}, {c} }}," for a, b, c in classes]))
write("saslprep-parts.c", "what code points decompose to, end to end",
      "const uint32_t saslprep_parts[] = {\n"
      + rows([f"0x{x:x}," for x in parts]) + "\n};\n")
write("saslprep-wholes.c", "code points that decompose",
      "const uint32_t saslprep_wholes[] = {\n"
      + rows([f"0x{x:x}," for x in wholes + [0x3ffff << 14 | len(parts)]])
      + "\n};\nconst size_t saslprep_wholes_count =\n"
      "\tsizeof(saslprep_wholes) / sizeof(saslprep_wholes[0]) - 1;\n")
