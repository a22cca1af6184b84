#!/usr/bin/env python3
"""Follows every relative link in the Markdown files that git tracks; fails with those that lead nowhere."""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")

names = subprocess.run(["git", "ls-files", "-z", "*.md"], capture_output=True, check=True, text=True).stdout
files = [Path(name) for name in names.split("\0") if Path(name).is_file()]
links = [(file, target) for file in files for target in LINK.findall(file.read_text("utf-8"))]
broken = [f"{file}: {target}" for file, target in links if not (file.parent / target).exists()]
if broken:
    sys.exit("links that lead nowhere:\n" + "\n".join(broken))

report = Path("build/report/links.md")
report.parent.mkdir(parents=True, exist_ok=True)
report.write_text(f"## Links\n\n{len(links)} links in {len(files)} Markdown files lead where they say.\n")
print(report.read_text().splitlines()[-1])
