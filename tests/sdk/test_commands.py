"""The binary's own commands, as a person types them."""

import json
import os
import subprocess
import time

import pytest

from conftest import BINARY, Server

# What is in each file of the kit's samples, counted by hand: (file, rows by table)
EVTX = {"DE_104_system_log_cleared.evtx": 1, "DE_Fake_ComputerAccount_4720.evtx": 2, "DE_UAC_Disabled_Sysmon_12_13.evtx": 3,
        "DE_suspicious_remote_eventlog_svc_access_5145.evtx": 8, "de_portforward_netsh_rdp_sysmon_13_1.evtx": 3,
        "sysmon_10_1_ppid_spoofing.evtx": 5, "sysmon_lolbin_bohops_vshadow_exec.evtx": 6}


def records(path):
    """How many records a sample has, read without the product."""
    if path.suffix == ".evtx":
        return EVTX[path.name]
    text = path.read_bytes().decode("utf-8-sig")
    if path.suffix == ".json":
        try:
            whole = json.loads(text)
            return len(whole) if isinstance(whole, list) else 1
        except ValueError:
            return len([line for line in text.splitlines() if line.strip()])
    if path.suffix == ".csv":
        import csv
        import io
        return len(list(csv.reader(io.StringIO(text)))) - 1
    return len([line for line in text.splitlines() if line.strip()])


def test_every_sample_is_ingested_whole(own_server, samples):
    server = own_server.start()
    told = {}
    for path in sorted(p for p in samples.rglob("*") if p.suffix in (".json", ".csv", ".txt", ".evtx")):
        done = server.run("ingest", str(path))
        rows = dict(line.rsplit(": ", 1) for line in done.stdout.splitlines())
        rows = {table: int(n.removesuffix(" rows")) for table, n in rows.items()}
        assert sum(rows.values()) == records(path), f"{path.name}: {rows}"
        for table, n in rows.items():
            told[table] = told.get(table, 0) + n
    union = " , ".join(f"({t} | summarize n=count() | extend T='{t}')" for t in told)
    stored = dict((t, n) for n, t in server.query(f"union {union} | project n, T"))
    assert stored == told


def test_a_local_query_needs_no_server(tmp_path):
    (tmp_path / "people.csv").write_text("Name,Age\nann,31\nbob,7\n")
    ask = lambda *a, **k: subprocess.run([BINARY, "query", *a], capture_output=True, text=True, **k)
    table = ("--table", f"P={tmp_path}/people.csv")
    done = ask(*table, "P | summarize sum(Age)", "--format", "csv")
    assert (done.returncode, done.stdout) == (0, "sum_Age\n38\n")
    done = ask(*table, "--format", "ndjson", input="P | where Age > 10 | project Name")
    assert (done.returncode, done.stdout) == (0, '{"Name":"ann"}\n')
    done = ask(*table, "P | order by Age", "--format", "table")
    assert "Name  Age" in done.stdout and "31" in done.stdout
    (tmp_path / "out.parquet").write_bytes(
        subprocess.run([BINARY, "query", *table, "P", "--format", "parquet"], capture_output=True, check=True).stdout)
    done = ask("--table", f"{tmp_path}/out.parquet", "out_CL | count", "--format", "csv")
    assert done.stdout == "Count\n2\n", done.stderr
    done = ask(*table, "P | wher Age > 1")
    assert done.returncode == 2 and "did you mean 'where'" in done.stderr
    done = ask("--table", f"P={tmp_path}/missing.csv", "P")
    assert done.returncode == 3 and "missing.csv" in done.stderr


def test_wrong_use_ends_with_2(tmp_path):
    for arguments in ([], ["nonsense"], ["serve", "--listen", "here"], ["query", "--format", "poem", "print 1"]):
        done = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr, arguments
    done = subprocess.run([BINARY, "env", "--data", str(tmp_path / "none")], capture_output=True, text=True)
    assert done.returncode == 3 and "vedette serve" in done.stderr


def test_two_servers_do_not_share_a_folder(server):
    done = subprocess.run([BINARY, "serve", "--data", server.folder, "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 3 and "another server" in done.stderr


def test_simulate_shows_incidents_and_they_can_be_closed(own_server):
    server = own_server.start()
    done = server.run("simulate")
    assert done.returncode == 0, done.stdout
    incidents = json.loads(server.run("incident", "list", "--json").stdout)
    titles = [i["properties"]["title"] for i in incidents if "drill-" in i["properties"]["title"]]
    assert len(titles) == 4, titles
    number = str(incidents[0]["properties"]["incidentNumber"])
    shown = server.run("incident", "show", number).stdout
    assert "Entities:" in shown and "Alerts:" in shown
    server.run("incident", "close", number, "--classification", "benign-positive", "--comment", "a drill")
    assert "Closed" in server.run("incident", "show", number).stdout
    left = json.loads(server.run("incident", "list", "--json").stdout)
    assert len(left) == len(incidents) - 1
    assert server.run("doctor", check=False).returncode == 0


def test_broken_content_is_named_and_the_rest_imported(server, tmp_path):
    rule = """id: 11111111-2222-4333-8444-555555555555
name: From a file
description: d
severity: Low
queryFrequency: 1h
queryPeriod: 1h
triggerOperator: gt
triggerThreshold: 0
tactics: [Discovery]
query: |
  Heartbeat | where Computer == 'nobody'
kind: Scheduled
version: 1.0.0
"""
    content = tmp_path / "content"
    content.mkdir()
    (content / "good.yaml").write_text(rule)
    (content / "broken.yaml").write_text("id: 'open\nname: [")
    (content / "nothing.yaml").write_text(rule.replace("query: |\n  Heartbeat | where Computer == 'nobody'", "query: ''")
                                          .replace("1111-", "1112-", 1))
    (content / "notes.md").write_text("# notes")
    report = tmp_path / "report.json"
    done = server.run("content", "import", str(content), "--enable", "--report", str(report), check=False)
    assert done.returncode == 1, done.stderr
    files = {f["path"]: f for f in json.loads(report.read_text())["files"]}
    assert files["good.yaml"]["status"] == "imported"
    assert files["broken.yaml"]["status"] == "refused" and files["broken.yaml"]["reason"]
    assert files["nothing.yaml"]["status"] == "refused"
    assert files["notes.md"]["status"] == "skipped"
    again = server.run("content", "import", str(content), "--enable", check=False)
    assert again.stdout == done.stdout


JOURNALCTL = r"""#!/bin/sh
# A journal of six entries: the past has four, two more come while it is followed.
entry() { printf '{"__CURSOR":"c%s","__REALTIME_TIMESTAMP":"17676%s00000000","_HOSTNAME":"box","SYSLOG_IDENTIFIER":"sshd","PRIORITY":"6","SYSLOG_FACILITY":"10","MESSAGE":"entry %s"}\n' "$1" "$1" "$1"; }
from=1
for a in "$@"; do case "$a" in --lines=1) entry 10; exit;; --after-cursor=c*) from=$((${a#--after-cursor=c} - 8));; esac; done
for n in 1 2 3 4; do [ $n -ge $from ] && entry $((n + 9)); done
sleep 1
for n in 5 6; do [ $n -ge $from ] && entry $((n + 9)); done
exec sleep 600
"""


def test_this_hosts_journal_arrives_once(tmp_path):
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "journalctl").write_text(JOURNALCTL)
    (bin / "journalctl").chmod(0o755)
    server = Server(tmp_path / "data", arguments=(), environment={"PATH": f"{bin}:{os.environ['PATH']}"}).start()
    try:
        ask = "Syslog | where Computer == 'box' | summarize by SyslogMessage, Facility, ProcessName | sort by SyslogMessage asc"
        count = "Syslog | where Computer == 'box' | count"
        wanted = [[f"entry {n}", "authpriv", "sshd"] for n in range(10, 16)]
        end = time.monotonic() + 20
        while server.query(ask) != wanted and time.monotonic() < end:
            time.sleep(0.2)
        assert server.query(ask) == wanted
        assert server.query(count) == [[6]]
        code, seconds = server.stop()
        assert code == 0 and seconds < 10
        server.start()
        time.sleep(3)
        assert server.query(count) == [[6]], "a restart goes on where the last run stopped"
    finally:
        if server.process.poll() is None:
            server.kill()
