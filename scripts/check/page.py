"""Looks at a status page in a headless Chromium: screenshots at two widths, light and dark, and what can be checked of them.

    python3 scripts/check/page.py CHROMIUM URL OUT_FOLDER [TOKEN_FILE]

Prints a line a view; exit code 1 where text is too faint, something sticks out sideways, or the browser complained.
"""

import base64
import os
import sys
import tempfile
import time

from browser import VIEWS, Browser


def main():
    program, url, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    failures = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        if len(sys.argv) > 4:
            with open(sys.argv[4]) as file:
                word = base64.b64encode(f"viewer:{file.read().strip()}".encode()).decode()
            browser.call("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {word}"})
        browser.call("Page.navigate", url=url)
        for width, height, scheme in VIEWS:
            browser.look(width, height, scheme)
            deadline = time.time() + 30
            while True:
                time.sleep(1.2)
                found = browser.check("#pipelines .stage")
                if found["count"] or time.time() > deadline:
                    break
            browser.picture(os.path.join(out, f"page-{width}-{scheme}.png"))
            faults = [f"too faint: {text}" for text in found["faint"][:5]]
            if found["wide"] > 0:
                faults.append(f"{found['wide']} pixels wider than the window")
            if not found["count"]:
                faults.append("no stage shows")
            failures += bool(faults)
            print(f"{'FAILED' if faults else 'ok    '}  {width} px, {scheme}: {found['count']} stages; {found['title']}"
                  + "".join(f"; {fault}" for fault in faults))
        for complaint in dict.fromkeys(browser.complaints):
            failures += 1
            print(f"FAILED  the browser says: {complaint}")
        browser.close()
    sys.exit(1 if failures else 0)


main()
