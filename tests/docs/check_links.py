"""Every link in the pages leads to a file, and to a heading, that there is. Usage: check_links.py SOURCE_DIR"""

import re
import sys
import urllib.parse

import markdown


def main():
    broken, checked = [], 0
    for page in markdown.pages(sys.argv[1]):
        text = page.read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", markdown.without_code(text)):
            if re.match(r"[a-z]+:", target):
                continue  # elsewhere: not to be asked from a test
            checked += 1
            path, _, anchor = urllib.parse.unquote(target).partition("#")
            linked = (page.parent / path).resolve() if path else page
            if not linked.exists():
                broken.append(f"{page}: {target}: no such file")
            elif anchor and linked.suffix == ".md" and anchor not in markdown.anchors(linked.read_text()):
                broken.append(f"{page}: {target}: no such heading")
    if broken or not checked:
        sys.exit("\n".join(broken) or "no links found")
    print(f"{checked} links lead somewhere")


if __name__ == "__main__":
    main()
