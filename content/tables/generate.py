#!/usr/bin/env python3
"""Writes azure.tables from a JSON file {"tables": {table: {column: type}}, "xdr": [table, ...]}.

usage: generate.py SCHEMAS.json > azure.tables

The format is described in README.md beside this script.
"""
import json
import sys

# Columns that most tables share. A table names a group when it has all of its columns with these types.
GROUPS = {
    "standard": {"SourceSystem": "string", "TenantId": "string", "TimeGenerated": "datetime",
                 "Type": "string", "_ItemId": "string"},
    "billed": {"_BilledSize": "real", "_IsBillable": "string"},
    "resource": {"_ResourceId": "string", "_SubscriptionId": "string"},
}
LINE_MIN = 60   # a line shorter than this goes on with the next initial letter
LINE_MAX = 160  # a longer one ends, so that one initial letter may take several lines


def quoted(name):
    plain = name.isascii() and name.replace("_", "a").isalnum()
    assert '"' not in name
    return name if plain else f'"{name}"'


def column(name, ty):
    return quoted(name) if ty == "string" else f"{quoted(name)}:{ty}"


def body(columns):
    """Column tokens in ordinal order; lines break where the initial letter changes, so that a new column touches few
    lines."""
    lines, line, initial = [], "", None
    for name, ty in sorted(columns.items()):
        if line and (name[0] != initial and len(line) >= LINE_MIN or len(line) >= LINE_MAX):
            lines.append(line)
            line = ""
        initial = name[0]
        line += (" " if line else "") + column(name, ty)
    return lines + [line] if line else lines


def main():
    source = json.load(open(sys.argv[1], encoding="utf-8"))
    defender = set(source.get("xdr", []))
    out = ["# Tables of Azure Monitor, Sentinel and Defender: names, columns, types. Format: README.md."]
    for name, columns in GROUPS.items():
        out.append(" ".join([f"@{name}"] + [column(c, t) for c, t in sorted(columns.items())]))
    for table, columns in sorted(source["tables"].items()):
        rest, head = dict(columns), [quoted(table)]
        if table in defender:
            head.append("defender")
        for name, group in GROUPS.items():
            if all(columns.get(c) == t for c, t in group.items()):
                head.append(f"@{name}")
                for c in group:
                    del rest[c]
        out.append(" ".join(head))
        out.extend("  " + line for line in body(rest))
    sys.stdout.write("\n".join(out) + "\n")


main()
