"""Looks at a study's report.html in a headless Chromium: screenshots at two widths, light and dark, and what can be checked.

    python3 scripts/check/report.py CHROMIUM REPORT.html OUT_FOLDER

Prints a line a view; exit code 1 where the page is no well-formed XML or names anything outside itself, the browser asks for
anything but the file, a text is too faint, something sticks out sideways, a drawn figure is empty, or the browser complained.
"""

import os
import pathlib
import re
import sys
import tempfile
import time
import xml.etree.ElementTree

from browser import VIEWS, Browser


def faults_of_text(page):
    """What the page's text alone shows."""
    root = xml.etree.ElementTree.fromstring(page)
    found = []
    for element in root.iter():
        name = element.tag.split("}")[-1]
        if name in ("script", "img", "iframe", "object", "embed", "form", "base"):
            found.append(f"it has a {name}")
        for key, value in element.attrib.items():
            if key.split("}")[-1] in ("href", "src") and not value.startswith(("#", "data:")):
                found.append(f"{name} leads to {value[:60]}")
    style = "".join(e.text or "" for e in root.iter() if e.tag.split("}")[-1] == "style")
    found += [f"the style has {match}" for match in re.findall(r"url\([^)]*\)|@import", style)]
    return found


def main():
    program, page, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    path = pathlib.Path(page).resolve()
    failures = 0
    faults = faults_of_text(path.read_text(encoding="utf-8"))
    failures += bool(faults)
    print("ok      the page is well-formed and needs nothing else" if not faults else f"FAILED  {'; '.join(faults[:5])}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        browser.call("Page.navigate", url=path.as_uri())
        time.sleep(2)
        # Folded parts are looked at too: their texts, tables and widths.
        browser.call("Runtime.evaluate", expression="document.querySelectorAll('details').forEach(d => { d.open = true })")
        for width, height, scheme in VIEWS:
            browser.look(width, height, scheme)
            time.sleep(1)
            found = browser.check("section")
            empty = browser.call("Runtime.evaluate", expression=EMPTY)["result"]["value"]
            faults = [f"too faint: {text}" for text in found["faint"][:5]]
            if found["wide"] > 0:
                faults.append(f"{found['wide']} pixels wider than the window")
            if not found["count"]:
                faults.append("no section shows")
            if empty:
                faults.append(f"{empty} empty drawings")
            failures += bool(faults)
            browser.picture(os.path.join(out, f"report-{width}-{scheme}-unfolded.png"))
            print(f"{'FAILED' if faults else 'ok    '}  {width} px, {scheme}: {found['count']} sections; {found['title']}"
                  + "".join(f"; {fault}" for fault in faults))
        browser.call("Runtime.evaluate", expression="document.querySelectorAll('details').forEach(d => { d.open = false })")
        for width, height, scheme in VIEWS:
            browser.look(width, height, scheme)
            time.sleep(0.5)
            browser.picture(os.path.join(out, f"report-{width}-{scheme}.png"))
        strangers = [url for url in browser.requests if url != path.as_uri() and not url.startswith("data:")]
        for url in dict.fromkeys(strangers):
            failures += 1
            print(f"FAILED  the page asked for {url}")
        for complaint in dict.fromkeys(browser.complaints):
            failures += 1
            print(f"FAILED  the browser says: {complaint}")
        browser.close()
    sys.exit(1 if failures else 0)


# Drawings without a visible shape.
EMPTY = """[...document.querySelectorAll('figure svg')].filter(svg => {
  const box = svg.getBoundingClientRect();
  return box.width < 100 || box.height < 80 || svg.querySelectorAll('path, polygon, use, circle').length < 5;
}).length"""

main()
