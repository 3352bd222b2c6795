# SPDX-License-Identifier: BSD-2-Clause
"""The limits of the benchmark's figures: bars that must be met, and earlier recorded counts that must
not be exceeded. Pure functions over the JSON of bench.py; tests/qemu/test_bench_limits.py calls them
with changed figures.

recorded.json: counts by compiler, and the tolerance. tried.json: the optimisations tried for each bar,
by words that the bar's name begins or ends with; the page prints them next to a missed bar."""
import json
import pathlib

from count import APPS

HERE = pathlib.Path(__file__).parent
RECORDED, TRIED = HERE / "recorded.json", HERE / "tried.json"
TOLERANCE = 0.01
EMPTY_BAR = 20.0
TIMES_FEWER = {"forward": 5.0, "route": 3.0, "echo": 3.0}
L1_BAR = {"forward": 1.5}
FLAT = 0.02
PCIE_UP_BAR = 124  # bytes from the cards to memory for a forwarded frame of 64 bytes, CRC included
SECOND_WAY = 0.05  # the greatest difference of the two ways of counting
WHOLE_ECHO = {"whole_echo_32": 150, "whole_echo_1": 400}


def read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _bar(what, measured, most=None, least=None):
    limit = most if least is None else least
    return {"what": what, "is": "at most" if least is None else "at least", "limit": limit,
            "measured": measured, "met": measured <= limit if least is None else measured >= limit}


def curves(result):
    """(application, what, points) of each curve of scale.py."""
    for app, of_app in result.get("scale", {}).get("curves", {}).items():
        for what, points in of_app.items():
            yield app, what, points


def bars(result):
    """The bars: what, "at most" or "at least", limit, measured, met. Parts that did not run have none."""
    ours, dpdk = result["loops"]["ours"], result["loops"]["dpdk"]
    out = [_bar(f"{app}, instructions a packet", ours[f"{app}/32"]["instructions"], most)
           for app, most in APPS.items() if most]
    out.append(_bar("empty poll of two ports, instructions", ours["empty"]["instructions"], EMPTY_BAR))
    out += [_bar(f"{app}, DPDK's instructions to ours",
                 round(dpdk[f"{app}/32"]["instructions"] / ours[f"{app}/32"]["instructions"], 2),
                 least=least) for app, least in TIMES_FEWER.items()]
    out += [_bar(f"{app}, L1 misses a packet", ours[f"{app}/32"]["l1_misses"], most)
            for app, most in L1_BAR.items()]
    for app, what, points in curves(result):
        if what == "cores":
            costs = [point["ours"].get("instructions", float("inf")) for _, point in points]
            out.append(_bar(f"{app}, spread from 1 to 16 cores", round(max(costs) / min(costs) - 1, 4), FLAT))
    for app, both in result.get("second", {}).items():
        out.append(_bar(f"{app}, two ways of counting differ by",
                        round(abs(both["qemu"] / both["callgrind"] - 1), 4), SECOND_WAY))
    for key, most in WHOLE_ECHO.items():
        if key in result.get("image", {}):
            out.append(_bar(f"whole image, an echo, {key.rsplit('_', 1)[1]} in flight",
                            result["image"][key], most))
    return out


def missed(bar, tried):
    """A line for a missed bar: by how much, and what was tried; None for a bar that is met."""
    if bar["met"]:
        return None
    by = abs(bar["measured"] - bar["limit"])
    words = next((text for name, text in tried.items()
                  if bar["what"].startswith(name) or bar["what"].endswith(name)), None)
    return (f"{bar['what']}: {bar['measured']:g}, {bar['is']} {bar['limit']:g} wanted: missed by {by:.4g} "
            f"({by / bar['limit']:.1%}). " + (f"Tried: {words}" if words else
                                               "tried.json has no entry for it."))


def worse(result, recorded):
    """Lines for figures worse than recorded by more than the tolerance; None: nothing is recorded for
    this compiler. A recorded figure that is missing now counts as worse."""
    mine = recorded.get(result["compiler"])
    if mine is None:
        return None
    lines = []
    for name, was in mine["instructions"].items() if "loops" in result else ():
        now = result["loops"]["ours"].get(name, {}).get("instructions")
        if now is None:
            lines.append(f"{name}: recorded {was:.2f}, now not measured")
        elif now > was * (1 + mine["tolerance"]):
            lines.append(f"{name}: {now:.2f} instructions a packet, recorded {was:.2f} "
                         f"(tolerance {mine['tolerance']:.0%})")
    return lines + worse_mixes(result, mine)


def worse_mixes(result, mine):
    """The same for the rows of mixes that this run was to measure: result["mixes"] is {row: instructions}
    and result["mixes_wanted"] their names."""
    lines = []
    for name in result.get("mixes_wanted", []):
        was, now = mine.get("mixes", {}).get(name), result["mixes"].get(name)
        if was is None:
            continue
        if now is None:
            lines.append(f"{name}: recorded {was:.2f}, now not measured")
        elif now > was * (1 + mine["tolerance"]):
            lines.append(f"{name}: {now:.2f} instructions a frame, recorded {was:.2f} "
                         f"(tolerance {mine['tolerance']:.0%})")
    return lines


def record(result):
    """Store the counts of the loops and of the mixes, those that this run has."""
    known = read(RECORDED)
    mine = known.setdefault(result["compiler"], {"tolerance": TOLERANCE})
    if "loops" in result:
        mine["instructions"] = {name: c["instructions"] for name, c in result["loops"]["ours"].items()}
    if "mixes" in result:
        mine["mixes"] = {**mine.get("mixes", {}), **result["mixes"]}
    RECORDED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
