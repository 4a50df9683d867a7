"""Runs the commands that the pages tell people to type.

Usage: run_commands.py SOURCE_DIR BUILD_DIR LLMLOAD. A command that no rule below names is run as it stands
and has to end with 0. The rules say what is done with the others and why; a rule that no command needs is
an error, so that the list stays true. The commands run in a folder that looks like a clone after the
README's first two commands.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import markdown

LIMIT_SECONDS = 60

# (pattern, what to do, why not as it stands)
RULES = [
    (r"cmake/bootstrap\.sh (\S+)$", "workflow", "takes minutes: CI runs each of them"),
    (r"^[^|]*\bctest --test-dir build/release -L load\b", "list", "calls a service, or takes minutes"),
    (r"\bctest --test-dir build/release -L faults\b", "list", "takes three minutes"),
    (r"\bctest --test-dir build/release -L (mock|docs)\b", "list", "the same tests run beside this one"),
    (r"\bctest -S cmake/dashboard\.cmake\b", "skip", "builds everything: the Dashboard tests run the script"),
    (r"^cmake --(preset|build --preset|install)\b", "skip", "builds everything: the tests labelled package install"),
    (r"^cmake/install_packages\.sh\b", "skip", "changes the system: the bootstrap script calls it"),
    (r"^(conan|vcpkg)\b", "skip", "needs a package manager that is not here"),
    (r"--target docs$", "skip", "the test Docs.reference does the same"),
    (r"^clang-format\b", "skip", "changes files"),
    (r"llmload fake-server\b", "briefly", "runs until it is stopped"),
    (r"llmload bench --provider (bedrock|openai) --spend\b", "plan", "costs money"),
    (r"llmload bench --profile 'ramp", "plan", "takes minutes"),
    (r"llmload bench\b", "shorter", "takes half a minute or more"),
]


class Failure(Exception):
    pass


def run(command, folder, env, expected=(0,)):
    try:
        ended = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=env, check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{command}\n  took more than {LIMIT_SECONDS} s") from late
    output = ended.stdout.decode(errors="replace")
    if ended.returncode not in expected:
        raise Failure(f"{command}\n  ended with {ended.returncode}:\n{output[-3000:]}")
    return output


def listed(command, folder, env):
    if not re.search(r"Total Tests: [1-9]", run(command + " -N", folder, env)):
        raise Failure(f"{command}\n  would run no test")


def workflow(command, folder):
    name = re.search(r"(\S+)$", command).group()
    presets = json.loads((folder / "CMakePresets.json").read_text())["workflowPresets"]
    if name not in [preset["name"] for preset in presets] or not os.access(folder / command.split()[0], os.X_OK):
        raise Failure(f"{command}\n  there is no such workflow")


def shorter(command, server):
    for url in ("http://127.0.0.1:8080/v1", "https://gateway.example.com/llm/v1"):
        command = command.replace(url, server)
    command = re.sub(r"--requests \d+", "--requests 60", command)
    # Enough requests for a p95 in the time: a plan without them is refused.
    command = re.sub(r"--rate \d+/s", "--rate 70/s", command)
    return re.sub(r" --duration \S+", "", command) + " --duration 2s"


def carry_out(command, folder, env, server):
    """Does with the command what its rule says; returns the rule's pattern and what was done."""
    pattern, action = next(((p, a) for p, a, _ in RULES if re.search(p, command)), (None, "run"))
    if action == "run":
        run(command, folder, env)
    elif action == "list":
        listed(command, folder, env)
    elif action == "workflow":
        workflow(command, folder)
    elif action == "briefly":
        run(command.removesuffix("&").strip() + " --max-time 1s", folder, env)
    elif action == "plan":
        # The whole command is read and planned, then refused for want of --spend.
        planned = command.replace(" --spend", "") + " --url https://llm.invalid/v1"
        if "this may cost money" not in run(planned, folder, {**env, "AWS_REGION": "us-east-1", "OPENAI_API_KEY": "none"}, expected=(2,)):
            raise Failure(f"{command}\n  was not planned")
    elif action == "shorter":
        # Any verdict will do: the time is short, and this machine may be busy.
        output = run(shorter(command, server), folder, env, expected=(0, 1, 3, 4))
        if "\n  success " not in output:
            raise Failure(f"{command}\n  printed no report:\n{output[-3000:]}")
    return pattern, action


def lay_out(folder, source_dir, build_dir, tool):
    """A clone with build/release, made of links; ctest keeps its logs here."""
    for entry in pathlib.Path(source_dir).iterdir():
        if entry.name not in ("build", ".git"):
            (folder / entry.name).symlink_to(entry)
    build = folder / "build/release"
    (build / "tools").mkdir(parents=True)
    (build / "tools/llmload").symlink_to(tool)
    (build / "CTestTestfile.cmake").write_text(f'subdirs("{build_dir}/tests")\n')


def environment(tool):
    env = {name: value for name, value in os.environ.items()
           if not re.match(r"LLMLOAD_|SKIP_LOAD_TESTS|CTEST_|DASHBOARD_|OPENAI_|AWS_|AZURE_|ANTHROPIC_|OLLAMA_", name)}
    env["PATH"] = f"{pathlib.Path(tool).parent}:{env['PATH']}"
    env["GATEWAY_KEY"] = "gateway-key"  # of the pages' own gateway
    return env


def main():
    source_dir, build_dir, tool = sys.argv[1:4]
    failures, used, counts = [], set(), {}
    env = environment(tool)
    with tempfile.TemporaryDirectory(prefix="llmload-docs-") as name:
        folder = pathlib.Path(name)
        lay_out(folder, source_dir, build_dir, tool)
        server = subprocess.Popen([tool, "fake-server", "--clear-text", "--ttft", "20ms", "--gap", "2ms",
                                   "--max-time", "280s"], stdout=subprocess.PIPE, env=env, text=True)
        try:
            url = re.match(r"listening on (\S+)", server.stdout.readline()).group(1)
            done = set()
            for page in markdown.pages(source_dir):
                for line in markdown.commands_elsewhere(page.read_text()):
                    failures.append(f"{page.name}: in a block that is not sh, and so never run: {line}")
                for command in markdown.commands(page.read_text()):
                    if command in done:
                        continue
                    done.add(command)
                    try:
                        pattern, action = carry_out(command, folder, env, url)
                        used.add(pattern)
                        counts[action] = counts.get(action, 0) + 1
                        print(f"{action:9}{page.name}: {command}", flush=True)
                    except Failure as failure:
                        failures.append(f"{page.name}: {failure}")
        finally:
            server.terminate()
            server.wait(timeout=10)
    if not failures:
        failures = [f"no command needs the rule {pattern!r}" for pattern, _, _ in RULES if pattern not in used]
    if failures:
        sys.exit("\n".join(failures).replace("<CTestMeasurement", "<(inner)Measurement"))
    print(", ".join(f"{action} {count}" for action, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
