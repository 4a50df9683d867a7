"""What the tests of the documentation read in its pages."""

import pathlib
import re


def pages(source_dir):
    """README, CONTRIBUTING, CHANGELOG and everything under docs/ and bench/."""
    root = pathlib.Path(source_dir)
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("bench/*.md")])


def without_code(text):
    """The page without its fenced blocks and code spans: nothing in them is a link or a heading."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda span: "x" * len(span.group()), text)


def anchors(text):
    """The anchors of a page's headings, as the forges make them."""
    found = []
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = sum(1 for other in found if re.fullmatch(re.escape(anchor) + r"(-\d+)?", other))
        found.append(f"{anchor}-{count}" if count else anchor)
    return found


def commands(text):
    """The commands of a page's ```sh blocks: lines joined at their backslashes, without comments."""
    found = []
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.M | re.S):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            command = re.sub(r"(^|\s)#\s.*", "", line).strip()
            if command:
                found.append(command)
    return found


def commands_elsewhere(text):
    """What looks like a command in a block of no language, where it would never be run."""
    blocks = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", text, re.M | re.S)
    return [line.strip() for _, language, block in blocks if not language for line in block.splitlines()
            if re.match(r" *(?:[A-Z_]+=\S+ )*(?:cmake/|\.ci/|bench/|build/|cmake|ctest|llmload|export|git) [^:]*$", line)]
