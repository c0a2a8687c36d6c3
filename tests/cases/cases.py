"""What users met in public, each case on a cloud of its own through the binary.

Usage: cases.py BINARY [WORD...]: all cases, or those whose name or number is among the words. Prints what is seen, and for
each case whether it is right; exit status 1 when one is not."""

import sys
import time
import traceback

import members
import resources
import verbs
from lab import Lab, Wrong


def main():
    binary, words = sys.argv[1], sys.argv[2:]
    cases = members.CASES + resources.CASES + verbs.CASES
    wrong = []
    for case in cases:
        number = case.__doc__.split(":")[0]
        if words and case.__name__ not in words and not set(words) & set(number.replace(",", " ").split()):
            continue
        print(f"\n-- {case.__name__}: {case.__doc__}", flush=True)
        began = time.monotonic()
        try:
            with Lab(binary) as lab:
                case(lab)
            verdict = "right"
        except Wrong as error:
            verdict = f"WRONG: {error}"
        except Exception:  # a case that breaks is no proof of anything
            traceback.print_exc(file=sys.stdout)
            verdict = "WRONG: the case broke"
        if verdict != "right":
            wrong.append(case.__name__)
        print(f"-- {case.__name__}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"\n{len(cases) if not words else 'chosen'} cases, {len(wrong)} wrong: {', '.join(wrong)}")
    sys.exit(bool(wrong))


main()
