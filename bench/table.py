#!/usr/bin/env python3
"""Makes the table of the performance goals from the output of the bench programs.

  table.py RESULTS   a file with lines "figure ITEM SUBJECT NAME VALUE"; others are ignored

Of repeated figures the ratio is taken turn by turn, between runs that followed one another, and its median is shown.
Exit code 1 if a goal is missed.
"""
import collections
import statistics
import sys


class Table:
    def __init__(self, path):
        self.figures = collections.defaultdict(list)
        self.rows = []
        self.missed = False
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if len(words) == 5 and words[0] == "figure":
                    self.figures[tuple(words[1:4])].append(float(words[4]))

    def values(self, item, subject, name):
        return self.figures.get((item, subject, name), [])

    def compare(self, item, what, figure, reference, at_most=None, at_least=None, shown="{:,.0f}"):
        """One row: the figure beside its reference, (subject, name) each, and the bound of their ratio."""
        mine = self.values(item, *figure)
        other = self.values(item, *reference)
        if not mine or not other:
            return
        turns = min(len(mine), len(other))
        ratio = statistics.median(a / b if b else float("inf") for a, b in zip(mine[:turns], other[:turns]))
        self.row(item, what, statistics.median(mine), f"{reference[0]} {shown.format(statistics.median(other))}",
                 ratio, at_most, at_least, shown, turns)

    def against(self, item, what, value, reference, bound_text, ratio, met, shown="{:,.0f}", turns=1):
        """One row whose reference is a number of the goal itself."""
        self.add(item, what, shown.format(value), reference, f"{ratio:.3g}", bound_text, met, turns)

    def row(self, item, what, value, reference, ratio, at_most, at_least, shown, turns):
        if at_most is not None:
            met, bound = ratio <= at_most, f"<= {at_most:g} x"
        elif at_least is not None:
            met, bound = ratio >= at_least, f">= {at_least:g} x"
        else:
            met, bound = None, ""
        self.add(item, what, shown.format(value), reference, f"{ratio:.3g}", bound, met, turns)

    def add(self, item, what, value, reference, ratio, bound, met, turns):
        verdict = "" if met is None else "met" if met else "MISSED"
        self.missed = self.missed or met is False
        self.rows.append((item, what, value, reference, ratio, bound, verdict, str(turns)))

    def subjects(self, item, prefix):
        """The numbers N of subjects PREFIX@N, ascending."""
        found = {subject for (of, subject, _) in self.figures if of == item and subject.startswith(prefix + "@")}
        return sorted(int(subject.split("@")[1]) for subject in found)

    def print(self):
        head = ("item", "figure", "value", "reference", "ratio", "goal", "", "turns")
        widths = [max(len(row[i]) for row in [head] + self.rows) for i in range(len(head))]
        for row in [head, tuple("-" * width for width in widths)] + self.rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def unary(table):
    rate = "requests_per_cpu_second"
    for tool, goal in (("wrk", 1.0), ("hey", 3.0), ("h2load", None), ("ab", None)):
        table.compare("P1", "requests per client CPU second", ("llmload", rate), (tool, rate), at_least=goal)


def streams(table):
    rate = "events_per_cpu_second"
    for count in table.subjects("P2", "llmload"):
        what = f"events per client CPU second, {count} streams"
        table.compare("P2", what, (f"llmload@{count}", rate), (f"bare@{count}", rate), at_least=0.95)
        table.compare("P2", what, (f"llmload@{count}", rate), (f"bare_plain@{count}", rate))
    for kind, how in (("", "16000/s"), ("_steps", "20/s each at once")):
        for count in table.subjects("P3", "llmload" + kind):
            for name in ("lag_p50_ms", "lag_p99_ms"):
                goal = 0.05 if not kind and name == "lag_p99_ms" else None
                table.compare("P3", f"{name}, {count} streams, {how}", (f"llmload{kind}@{count}", name),
                              (f"aiohttp{kind}@{count}", name), at_most=goal, shown="{:.3f}")
    memory(table)
    growth(table)


def memory(table):
    slopes = {}
    for subject in ("llmload", "bare"):
        counts = table.subjects("P4", subject)
        if len(counts) < 2:
            return
        low, high = counts[0], counts[-1]
        slopes[subject] = (
            statistics.median(table.values("P4", f"{subject}@{high}", "rss_bytes"))
            - statistics.median(table.values("P4", f"{subject}@{low}", "rss_bytes"))
        ) / (high - low) / 1024
    ratio = slopes["llmload"] / slopes["bare"]
    table.against("P4", f"KB per stream, from {low} to {high}", slopes["llmload"], f"bare {slopes['bare']:.1f}",
                  "<= 1.5 x", ratio, ratio <= 1.5, "{:.1f}")


def growth(table):
    for subject in ("llmload", "bare"):
        costs = {
            count: 1e6 / statistics.median(table.values("P9", f"{subject}@{count}", "events_per_cpu_second"))
            for count in table.subjects("P9", subject)
        }
        for count, cost in costs.items():
            if 100 not in costs:
                continue
            ratio = cost / costs[100]
            goal = subject == "llmload" and count == 10000
            table.against("P9", f"{subject}: CPU us per event, {count} streams", cost, f"at 100: {costs[100]:.1f}",
                          "<= 1.3 x" if goal else "", ratio, ratio <= 1.3 if goal else None, "{:.1f}")


def programs(table):
    for lag, dropped in zip(table.values("P5", "llmload", "schedule_lag_p99_us"),
                            table.values("P5", "llmload", "dropped")):
        table.against("P5", f"schedule lag p99 in us, {dropped:g} dropped", lag, "period 200", "<= 200, 0 dropped",
                      lag / 200, lag <= 200 and dropped == 0, "{:.0f}")
    for name, goal in (("closed@1", 2.0), ("rejected@1", 1.0), ("closed@16", None), ("rejected@16", None)):
        table.compare("P6", f"ns, breaker {name.replace('@', ', threads ')}", (name, "ns"),
                      ("mutex@" + name.split("@")[1], "ns"), at_most=goal, shown="{:.1f}")
    for name in ("unary", "streaming"):
        for rate in table.values("P7", name, "requests_per_cpu_second"):
            table.against("P7", f"simulated requests per CPU second, {name}", rate, "500,000", ">= 1 x", rate / 5e5,
                          rate >= 5e5)
    table.compare("P8", "ns to record one request", ("llmload", "ns_per_record"), ("clock_gettime", "ns_per_call"),
                  at_most=5.0, shown="{:.1f}")
    for records, bytes_more in zip(table.values("P8", "llmload", "records"),
                                   table.values("P8", "llmload", "rss_growth_bytes")):
        # The kernel counts resident pages per processor and adds them up loosely: some 100 KB are noise.
        table.against("P8", f"KB more after {records:.0e} records", bytes_more / 1024, "0", "flat", 0,
                      bytes_more <= 1024 * 1024)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    table = Table(sys.argv[1])
    unary(table)
    streams(table)
    programs(table)
    table.rows.sort(key=lambda row: row[0])
    table.print()
    late = [max(values) for (_, _, name), values in table.figures.items() if name == "late_p99_us"]
    if late and max(late) > 1000:
        print(f"\nThe stream server was up to {max(late) / 1000:.1f} ms late (p99): it then sends in batches, which "
              "flatters every client.")
    sys.exit(1 if table.missed else 0)


main()
