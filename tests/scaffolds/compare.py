"""Whether two policies decided the same on the same events, for the same reasons.

usage: compare.py EXPECTED FOUND    (what `rolarr policy test --format json` writes)

Prints every difference, and what an event costs. Ends with 1 if there is a difference, or nothing to compare.
"""

import json
import statistics
import sys


def read(file):
    decisions, fuel, micros = {}, [], []
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            if case["event"] == "problem":
                sys.exit(f"{file}: {case['text']}")
            if case["event"] != "case":
                continue
            if case["result"] == "error":
                sys.exit(f"{file}: {case['name']}: {case['error']}")
            key = (case["file"], case["line"], case["name"])
            if key in decisions:
                sys.exit(f"{file}: there are two cases {key}")
            decisions[key] = [(step["decided"], step["reason"], undecided(step)) for step in case["steps"]]
            fuel += [step["fuel"] for step in case["steps"]]
            micros.append(case["micros"])
    return decisions, fuel, micros


def undecided(step):
    return [finding["why"] for finding in step["findings"] if finding["what"] == "undecided"]


def main():
    expected, _, _ = read(sys.argv[1])
    found, fuel, micros = read(sys.argv[2])
    if len(expected) < 30 or expected.keys() != found.keys():
        sys.exit(f"{len(expected)} and {len(found)} events: not the same ones, or too few")
    different = 0
    for key, wanted in expected.items():
        if found[key] != wanted:
            different += 1
            print(f"{key}:\n  expected {wanted}\n  found    {found[key]}")
    print(
        f"{len(found)} recorded events, {different} decided otherwise; one costs {statistics.median(fuel):.0f} "
        f"units of fuel and {statistics.median(micros):.0f} µs (medians)"
    )
    sys.exit(different > 0)


main()
