"""Random expressions that Prometheus 2.42 and Watchbell define alike, typed, with their parts, over the samples of `samples`.

Moments of evaluation have a fraction of half a second, steps and offsets are whole seconds, and a range begins half a second off
any step (see `Draw.range_text`): no sample and no step of a subquery lies on the border of a range.
"""

import math
import random
import re
import struct

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
SCRAPE_SECONDS = 15
SCRAPES = 160
JOBS, INSTANCES = ("a", "b", "c"), ("i0", "i1", "i2")
BOUNDS = ("0.1", "0.5", "1", "2.5", "10", "+Inf")

# Where both differ and both are right, and what is done about it: the definition changed after 2.42, or is none.
KNOWN = (
    ("ranges are closed on the left in 2.42, open since 3.0", "nothing lies on a border"),
    ("names are removed at once in 2.42, at the end in Watchbell: fewer label sets are the same", "FEWER_DUPLICATES"),
    ("a second match is refused in Watchbell whether or not the comparison holds, in 2.42 if it holds for both", "FILTERED_MATCHES"),
    ("timestamp of a selector with @ and an offset leaves the offset out in 2.42", "not drawn"),
    ("holt_winters is double_exponential_smoothing since 3.0", "RENAMED"),
    ("the extrapolation of a rate towards zero is bounded in another order", "counters stay far from zero"),
    ("functions, aggregators, modifiers and durations that 2.42 has not", "not drawn"),
    ("`.` matches a line feed since 3.0", "no label value has one"),
    ("sums and means are compensated and do not overflow since 2.43 and 3.x", "no value is huge; quarters sum exactly"),
    ("quantiles and fractions of native histograms interpolate exponentially since 3.0", "not drawn"),
    ("a comparison or a rank of values that differ in their last bit", "drawn over exact operands alone"),
    ("atan2 removes the name since 3.x", "1 * (...)"),
    ("the deviation of values one of which is infinite or NaN is NaN since 3.0; others are compensated", "these and times are filtered out"),
    ("most functions of native histograms that are not of histograms alone are wrong in 2.42", "not drawn"),
    ("which of equal values is of the first k is nowhere defined", "`Draw.distinct`"),
    ("the calendar of NaN and the infinities is what the processor makes of them in 2.42, NaN in Watchbell", "these are filtered out"),
    ("a function with a second argument over a range with @ moves the range in 2.42", "not drawn"),
    ("warnings and infos", "not compared"),
)
RENAMED = ("double_exponential_smoothing", "holt_winters")
FILTERED_MATCHES = "multiple matches for labels"
FEWER_DUPLICATES = "vector cannot contain metrics with the same labelset"


def samples(seed):
    """Series as (labels, [(seconds since the start, value)]), each in order of time."""
    noise = random.Random(seed)
    found = []

    def moments():
        shift = noise.randrange(1, SCRAPE_SECONDS * 1000, 2)
        for scrape in range(SCRAPES):
            at = scrape * SCRAPE_SECONDS * 1000 + shift + 2 * noise.randrange(0, 700)
            yield (at + 2 if at % 500 == 0 else at | 1) / 1000

    def add(name, draw, **labels):
        found.append(({"__name__": name, **labels}, [(at, value) for at, value in map(draw, moments()) if value is not None]))

    for job in JOBS:
        add("limit", gauge(noise, 40), job=job)
        for instance in INSTANCES:
            place = {"job": job, "instance": instance}
            if (job, instance) != ("c", "i2"):
                add("bytes_total", counter(noise, 64), **place)
                add("info", lambda at: (at, 1.0), version=noise.choice("123"), **place)
            for code in ("200", "404", "500"):
                add("requests_total", counter(noise, 4), code=code, **place)
            for zone in ("x", "y")[: noise.randrange(1, 3)]:
                add("temperature", gauge(noise, 30), zone=zone, **place)
            add("memory", gauge(noise, 1 << 30), **place)
            add("odd", odd(noise), **place)
            add("flapping", flapping(noise), **place)
            add_histogram(noise, found, list(moments()), place)
    return found


def counter(noise, rise):
    """Quarters that rise and fall back at times, never near zero."""
    state = [rise * 100.0]

    def draw(at):
        state[0] += noise.randrange(2 * rise, 4 * rise) / 4
        if noise.random() < 0.02:
            state[0] = rise * noise.randrange(20, 60) * 1.0
        return at, state[0]

    return draw


def gauge(noise, width):
    return lambda at: (at, noise.randrange(-width * 4, width * 4) / 4)


def odd(noise):
    values = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 1e-3, 0.5)
    return lambda at: (at, noise.choice(values) if noise.random() < 0.3 else noise.randrange(-8, 8) / 4)


def flapping(noise):
    """A gauge that ends, with a marker or without, and comes back."""
    state = {"until": 0.0, "is_there": False}

    def draw(at):
        if at > state["until"]:
            state["until"] = at + noise.choice((20, 60, 200, 400))
            state["is_there"] = not state["is_there"]
            if not state["is_there"] and noise.random() < 0.6:
                return at, STALE
        return at, noise.randrange(-10, 10) / 4 if state["is_there"] else None

    return draw


def add_histogram(noise, found, moments, place):
    counts, total = [100.0] * len(BOUNDS), 1000.0
    series = [[] for _ in BOUNDS]
    sums = []
    for at in moments:
        if noise.random() < 0.02:
            counts, total = [50.0] * len(BOUNDS), 500.0
        for index in range(len(BOUNDS)):
            counts[index] += noise.randrange(1, 9)
        total += noise.randrange(1, 400) / 4
        for index, points in enumerate(series):
            points.append((at, sum(counts[: index + 1])))
        sums.append((at, total))
    for bound, points in zip(BOUNDS, series):
        found.append(({"__name__": "latency_bucket", "le": bound, **place}, points))
    found.append(({"__name__": "latency_count", **place}, series[-1]))
    found.append(({"__name__": "latency_sum", **place}, sums))


COUNTERS = ("requests_total", "bytes_total", "latency_count", "latency_sum", "latency_bucket")
GAUGES = ("temperature", "memory", "odd", "flapping", "limit", "info")
LABELS = ("job", "instance", "code", "zone", "version", "le", "nothing")
MATCHERS = (
    'job="a"', 'job!="a"', 'job=~"a|b"', 'job!~"b.*"', 'instance=~"i[01]"', 'instance!~".*2"', 'code="200"', 'code=~"[45]..", job=~".+"',
    'zone=""', 'zone!=""', 'nothing=""', 'nothing="x"', 'job=~"|c"', 'code!~"2.*|"', 'instance=~"(?i:I1)"',
)
# Functions whose value jumps where their operand moves a little take exact operands.
SMOOTH = ("abs", "exp", "sqrt", "ln", "log2", "log10", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
          "acosh", "atanh", "deg", "rad")
STEPPED = ("ceil", "floor", "sgn", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year", "round")
PERIODIC = ("sin", "cos", "tan")
EXACT_OVER_TIME = ("count_over_time", "last_over_time", "min_over_time", "max_over_time", "present_over_time", "changes", "resets", "idelta")
SMOOTH_OVER_TIME = ("avg_over_time", "sum_over_time", "stddev_over_time", "stdvar_over_time", "delta", "deriv")
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")


def broken(noise, text):
    """The text with a small fault, which may still be an expression."""
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    at = noise.randrange(len(words))
    pick = noise.randrange(4)
    if pick == 0:
        del words[at]
    elif pick == 1:
        words.insert(at, noise.choice(words))
    elif pick == 2:
        words[at] = noise.choice(("(", ")", ",", "[5m]", "sum", "by", "1", "'x'", "offset", "-", "rate(", "bool", "and", "on", "{", "}", "@", "=~", "!"))
    else:
        other = noise.randrange(len(words))
        words[at], words[other] = words[other], words[at]
    return "".join(words)


class Draw:
    """One random expression. `parts` are its vectors and scalars on the way, the shortest of which that differs tells most."""

    def __init__(self, seed, start, end):
        self.noise, self.start, self.end = random.Random(seed), start, end
        self.parts = []

    def expression(self):
        depth = self.noise.choice((1, 2, 2, 3, 3, 4))
        kind = self.noise.random()
        if kind < 0.06:
            text = self.scalar(depth, 0.5, False)
        elif kind < 0.10:
            text = self.noise.choice((f"sort({self.vector(depth, 0.5, True)})", f"sort_desc({self.vector(depth, 0.5, True)})"))
        else:
            text = self.vector(depth, 0.5, False)
        self.parts.append(text)
        return text

    def vector(self, depth, phase, exact):
        """An instant vector; `phase` is the fraction of a second of the moments at which it will be evaluated."""
        draws = [(self.selector, 2)] if depth > 0 else [(self.selector, 1)]
        if depth > 0:
            draws += [(self.over_time, 6), (self.aggregation, 5), (self.binary, 5), (self.function, 4), (self.set_operator, 1),
                      (self.replaced, 1), (self.comparison, 2), (self.absence, 1)]
            if not exact:
                draws += [(self.quantile, 2), (self.from_scalar, 1)]
        draw = self.noise.choices([one for one, _ in draws], [weight for _, weight in draws])[0]
        text = draw(depth - 1, phase, exact)
        self.parts.append(text)
        return text

    def scalar(self, depth, phase, exact):
        pick = self.noise.random()
        if depth <= 0 or pick < 0.4:
            return self.noise.choice(("0", "1", "2", "-1.5", "0.25", "NaN", "Inf", "-Inf", "3", "0x1F", "1e3", "60", "pi()"))
        if pick < 0.55:
            return "time()"
        if pick < 0.8:
            return f"scalar({self.vector(depth - 1, phase, exact)})"
        operator = self.noise.choice(("+", "-", "*") if exact else ("+", "-", "*", "/", "^", "atan2", "> bool", "<= bool", "== bool"))
        inner = exact or "bool" in operator
        return f"({self.scalar(depth - 1, phase, inner)} {operator} {self.scalar(depth - 1, phase, inner)})"

    def offset(self):
        pick = self.noise.random()
        text = f" offset {self.noise.choice(('7s', '1m', '3m', '-45s', '10m', '-2m'))}" if pick < 0.2 else ""
        return text

    def at(self, phase):
        """An `@` and the fraction of a second of the moment that is looked at."""
        if self.noise.random() < 0.12:
            return self.noise.choice((" @ start()", " @ end()", f" @ {self.start + 60 * self.noise.randrange(0, 20):.3f}")), 0.5
        return "", phase

    def modifiers(self, phase):
        offset, (at, moved) = self.offset(), self.at(phase)
        return self.noise.choice((offset + at, at + offset)), moved

    def matchers(self):
        count = self.noise.choice((0, 0, 1, 1, 2))
        return "{" + ", ".join(self.noise.sample(MATCHERS, count)) + "}" if count else ""

    def plain_selector(self, names):
        name = self.noise.choice(names)
        matchers = self.matchers()
        return f'{{__name__="{name}"{", " + matchers[1:-1] if matchers else ""}}}' if self.noise.random() < 0.05 else name + matchers

    def selector(self, _depth, phase, _exact):
        if self.noise.random() < 0.02:
            return 'info{nothing="x"}' if self.noise.random() < 0.5 else '{__name__=~"li.*|inf."}'
        return self.plain_selector(COUNTERS + GAUGES) + self.modifiers(phase)[0]

    def range_text(self, phase):
        seconds = self.noise.choice((5, 30, 60, 120, 300, 700))
        return f"{seconds}s" if phase else f"{seconds}s500ms"

    def ranged(self, depth, phase, exact, names=COUNTERS + GAUGES):
        """A range vector of a selector or a subquery."""
        modifiers, moved = self.modifiers(phase)
        if depth > 0 and self.noise.random() < 0.3:
            step = self.noise.choice(("10s", "15s", "30s", "60s", "37s", ""))
            inner = self.vector(depth - 1, 0.0, exact)
            if names is COUNTERS:
                inner = self.plain_selector(COUNTERS)
            return f"({inner})[{self.range_text(moved)}:{step}]{modifiers}"
        return f"{self.plain_selector(names)}[{self.range_text(moved)}]{modifiers}"

    def over_time(self, depth, phase, exact):
        pick = self.noise.random()
        if exact or pick < 0.3:
            return f"{self.noise.choice(EXACT_OVER_TIME)}({self.ranged(depth, phase, True)})"
        if pick < 0.6:
            return f"{self.noise.choice(('rate', 'increase', 'irate'))}({self.ranged(depth, phase, True, COUNTERS)})"
        if pick < 0.68:
            return f"quantile_over_time({self.scalar(min(depth, 1), phase, True)}, {without_at(self.ranged(depth, phase, False))})"
        if pick < 0.74:
            return f"predict_linear({without_at(self.ranged(depth, phase, True))}, {self.noise.choice(('60', '-30', '3600'))})"
        if pick < 0.78:
            return f"double_exponential_smoothing({self.ranged(depth, phase, False)}, 0.{self.noise.randrange(1, 9)}, 0.{self.noise.randrange(1, 9)})"
        return f"{self.noise.choice(SMOOTH_OVER_TIME)}({self.ranged(depth, phase, False)})"

    def distinct(self, phase):
        """A vector no two values of which are equal, or nearly."""
        memory = "memory" + self.matchers() + self.modifiers(phase)[0]
        return self.noise.choice((
            memory, f"-{memory}", f"max_over_time(memory[{self.range_text(phase)}])", f"rate(bytes_total[{self.range_text(phase)}])",
            f"{memory} * memory", f"sum by {self.labels()} ({memory})", f"topk(4, {memory})", f"memory / limit{self.modifiers(phase)[0]}"))

    def labels(self):
        return f"({', '.join(self.noise.sample(LABELS, self.noise.choice((0, 1, 1, 2))))})"

    def grouping(self):
        return f" {self.noise.choice(('by', 'without'))} {self.labels()} " if self.noise.random() < 0.7 else ""

    def aggregation(self, depth, phase, exact):
        pick = self.noise.random()
        if pick < 0.15:
            head, inner = f"{self.noise.choice(('topk', 'bottomk'))}", True
            operand = self.distinct(phase)
            argument = f"{self.noise.choice(('1', '2', '5', '0', '-1', '2.7'))}, "
        elif pick < 0.22:
            head, inner, argument = "count_values", True, f'"{self.noise.choice(("value", "job"))}", '
        elif pick < 0.3 and not exact:
            head, inner, argument = "quantile", False, f"{self.noise.choice(('0.5', '0.9', '0', '1', '-1', '2', 'NaN'))}, "
        elif exact:
            head, inner, argument = self.noise.choice(("min", "max", "count", "group")), True, ""
        else:
            head, inner, argument = self.noise.choice(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum")), False, ""
        if not head.endswith("k"):
            operand = self.vector(depth, phase, inner)
        if head in ("stddev", "stdvar"):
            operand = f"({operand}) > -1e6 < 1e6"
        grouping = self.grouping()
        if self.noise.random() < 0.3:
            return f"{head}({argument}{operand}){grouping}"
        return f"{head}{grouping}({argument}{operand})"

    def matching(self):
        pick = self.noise.random()
        if pick < 0.3:
            return ""
        match = f" {self.noise.choice(('on', 'ignoring'))} {self.labels()}"
        if pick < 0.45:
            return match
        side = self.noise.choice(("group_left", "group_right"))
        return f"{match} {side}{self.noise.choice(('', ' ()', ' (zone)', ' (version, job)'))}"

    def likely_pair(self, phase):
        """Operands and a matching that find each other."""
        many, one, matching = self.noise.choice((
            ("requests_total", "bytes_total", "ignoring (code) group_left"), ("requests_total", "limit", "on (job) group_left"),
            ("temperature", "info", "on (job, instance) group_left (version)"), ("memory", "bytes_total", ""),
            ("odd", "memory", ""), ("flapping", "odd", ""), ("temperature", "flapping", "ignoring (zone) group_left ()"),
            ("latency_bucket", "latency_count", "ignoring (le) group_left"), ("requests_total", "requests_total", ""),
        ))
        left, right = (name + self.matchers() + self.modifiers(phase)[0] for name in (many, one))
        if "group_left" in matching and self.noise.random() < 0.3:
            return right, matching.replace("left", "right"), left
        return left, matching, right

    def binary(self, depth, phase, exact):
        text = self.arithmetic(depth, phase, exact)
        return f"1 * ({text})" if "atan2" in text else text

    def arithmetic(self, depth, phase, exact):
        operator = self.noise.choice(("+", "-", "*") if exact else ("+", "-", "*", "/", "^", "atan2", "%"))
        inner = exact or operator in "%^"
        pick = self.noise.random()
        if pick < 0.1:
            return f"-({self.vector(depth, phase, inner)})"
        if pick < 0.3:
            return f"({self.vector(depth, phase, inner)}) {operator} {self.scalar(depth, phase, inner)}"
        if pick < 0.4:
            return f"{self.scalar(depth, phase, inner)} {operator} ({self.vector(depth, phase, inner)})"
        if pick < 0.75:
            left, matching, right = self.likely_pair(phase)
            return f"{left} {operator} {matching} {right}"
        return f"({self.vector(depth, phase, inner)}) {operator}{self.matching()} ({self.vector(depth, phase, inner)})"

    def comparison(self, depth, phase, _exact):
        operator = self.noise.choice(COMPARISONS) + self.noise.choice(("", "", " bool"))
        pick = self.noise.random()
        if pick < 0.4:
            return f"({self.vector(depth, phase, True)}) {operator} {self.scalar(depth, phase, True)}"
        if pick < 0.5:
            return f"{self.scalar(depth, phase, True)} {operator} ({self.vector(depth, phase, True)})"
        if pick < 0.8:
            left, matching, right = self.likely_pair(phase)
            return f"{left} {operator} {matching} {right}"
        return f"({self.vector(depth, phase, True)}) {operator}{self.matching()} ({self.vector(depth, phase, True)})"

    def set_operator(self, depth, phase, exact):
        match = self.noise.choice(("", f"on {self.labels()}", f"ignoring {self.labels()}"))
        operator = self.noise.choice(("and", "or", "unless"))
        return f"({self.vector(depth, phase, exact)}) {operator} {match} ({self.vector(depth, phase, exact)})"

    def function(self, depth, phase, exact):
        pick = self.noise.random()
        if exact or pick < 0.4:
            name = self.noise.choice(STEPPED if exact else STEPPED + PERIODIC)
            more = f", {self.noise.choice(('5', '0.5', '10', '-2'))}" if name == "round" and self.noise.random() < 0.6 else ""
            operand = self.vector(depth, phase, True)
            return f"{name}({operand}{more})" if name in ("ceil", "floor", "sgn", "round", *PERIODIC) else f"{name}(({operand}) > -1e12 < 1e12)"
        if pick < 0.55:
            low, high = self.scalar(depth, phase, False), self.scalar(depth, phase, False)
            arguments, name = self.noise.choice(((f", {low}", "clamp_min"), (f", {low}", "clamp_max"), (", -2, 3", "clamp"), (f", {low}, {high}", "clamp")))
            return f"{name}({self.vector(depth, phase, False)}{arguments})"
        if pick < 0.62:
            operand = self.vector(depth, phase, False)
            return f"timestamp({operand})" if " @ " not in operand or " offset " not in operand else operand
        return f"{self.noise.choice(SMOOTH)}({self.vector(depth, phase, False)})"

    def replaced(self, depth, phase, exact):
        inner = self.vector(depth, phase, exact)
        if self.noise.random() < 0.3:
            return f'label_join({inner}, "{self.noise.choice(("joined", "job"))}", "-", "job", "instance")'
        target, text = self.noise.choice((("copy", "$1"), ("instance", "x$1"), ("zone", ""), ("copy", "${1}y$2"), ("job", "$1")))
        source, regex = self.noise.choice((("instance", "i(.*)"), ("job", "(a|b)"), ("code", "(.)(.*)"), ("nothing", ""), ("zone", "(.*)")))
        return f'label_replace({inner}, "{target}", "{text}", "{source}", "{regex}")'

    def absence(self, depth, phase, exact):
        if self.noise.random() < 0.5:
            return f"absent({self.noise.choice((self.vector(depth, phase, exact), 'gone' + self.matchers()))})"
        return f"absent_over_time({self.ranged(depth, phase, exact)})"

    def quantile(self, depth, phase, _exact):
        quantile = self.scalar(1, phase, True)
        buckets = self.noise.choice((
            f"rate(latency_bucket{self.matchers()}[{self.range_text(phase)}])", "latency_bucket", "latency_bucket offset 1m",
            f"sum by (le) (increase(latency_bucket[{self.range_text(phase)}]))",
            f"sum by (job, le) (rate(latency_bucket[{self.range_text(phase)}]))", f"({self.vector(min(depth, 1), phase, False)})",
        ))
        return f"histogram_quantile({quantile}, {buckets})"

    def from_scalar(self, depth, phase, exact):
        return f"vector({self.scalar(depth, phase, exact)})"


NATIVE = (
    "native", "native offset 1m", "rate(native[{}])", "increase(native[{}])", "sum(rate(native[{}]))", "sum by (job) (increase(native[{}]))",
    "histogram_count(native)", "histogram_sum(native)", "histogram_count(rate(native[{}]))", "histogram_sum(sum(increase(native[{}])))",
    "histogram_sum(native) / histogram_count(native)", "native{{job=~'a|b'}} + native", "count(native)", "min(histogram_sum(native))",
    "count_over_time(native[{}])", "timestamp(native)", "histogram_count(sum without (instance) (rate(native[{}])))",
    "absent(native)", "present_over_time(native[{}])",
)


def without_at(text):
    """A range vector whose own `@`, if any, is gone."""
    head, bracket, tail = text.rpartition("]")
    return head + bracket + re.sub(r" @ (start\(\)|end\(\)|[0-9.]+)", "", tail)


def native_expression(noise):
    return noise.choice(NATIVE).format(noise.choice(("60s", "120s", "300s", "700s")))
