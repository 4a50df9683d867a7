"""The CI recipes are YAML, cover the three uses, and call commands that the pages explain.

Usage: check_recipes.py SOURCE_DIR. Ends with 77 without PyYAML.
"""

import pathlib
import re
import sys

import markdown

try:
    import yaml
except ImportError:
    print("skipped: there is no PyYAML (python3-yaml)")
    sys.exit(77)

# What prepares the machine of the service that runs the recipe, and stands in no page.
PREPARATION = [r"apt-get update", r"apt-get install -y --no-install-recommends [a-z0-9 -]+"]


def lines(value):
    return value if isinstance(value, list) else re.sub(r"\\\n\s*", "", value).splitlines()


def github(recipe):
    triggers = recipe[True] if True in recipe else recipe["on"]  # YAML 1.1 reads `on` as true
    assert {"pull_request", "schedule", "workflow_dispatch"} <= set(triggers), triggers
    return [line for job in recipe["jobs"].values() for step in job["steps"] for line in lines(step.get("run", ""))]


def gitlab(recipe):
    jobs = {name: job for name, job in recipe.items() if isinstance(job, dict) and "stage" in job}
    assert {"merge-request", "nightly", "real-provider"} <= set(jobs), sorted(jobs)
    assert jobs["real-provider"]["rules"][0]["when"] == "manual"
    preparation = recipe["default"]["before_script"]
    return preparation + [line for job in jobs.values() for line in job["script"]]


def bare(command):
    """Without the variables in front, and with white space made even."""
    return re.sub(r"^(?:[A-Z][A-Z0-9_]*=\S* )+", "", re.sub(r"\s+", " ", command.strip()))


def main():
    root = pathlib.Path(sys.argv[1])
    known = {bare(command) for page in markdown.pages(root) for command in markdown.commands(page.read_text())}
    unknown = []
    for name, read in (("github-actions.yml", github), ("gitlab-ci.yml", gitlab)):
        text = (root / "docs/ci" / name).read_text()
        assert "cost" in text.lower(), f"{name}: no word on what it costs"
        used = [line for line in read(yaml.safe_load(text)) if line.strip()]
        assert used, f"{name}: no commands"
        for line in used:
            if bare(line) not in known and not any(re.fullmatch(p, line.strip()) for p in PREPARATION):
                unknown.append(f"{name}: {line}")
        print(f"{name}: {len(used)} commands")
    if unknown:
        sys.exit("in no page:\n" + "\n".join(unknown))


if __name__ == "__main__":
    main()
