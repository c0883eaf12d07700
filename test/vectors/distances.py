"""
Test vectors of distances: what SciPy makes of pairs of histograms on the same cells.

    python distances.py        writes distances.json beside this file

A cell of the number line stands for its middle; the open ones at both ends for their one edge. PSI has no function of its own in SciPy: it
is the sum of both relative entropies, here of shares with half an observation added to each cell that either side has met.
"""
import json
import pathlib

import numpy as np
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, entropy, ks_2samp, wasserstein_distance

random = np.random.default_rng(21)


def edges_of(kind, count):
    if kind == "even":
        return np.arange(count) / 4
    return np.sort(np.round(random.lognormal(0, 1, count), 6)) - 1


def pair(kind, count, total, shift):
    edges = edges_of(kind, count)
    expected = random.multinomial(total, random.dirichlet(np.full(count + 1, 0.7)))
    shares = expected + 0.3
    shares = shares * np.exp(shift * np.linspace(-1, 1, count + 1))
    return edges, expected, random.multinomial(total // 2 + 1, shares / shares.sum())


def described(edges, expected, observed):
    middles = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    met = expected + observed > 0
    p, q = expected[met] + 0.5, observed[met] + 0.5
    test = chi2_contingency(np.stack([expected[met], observed[met]]), correction=False)
    return {
        "edges": edges.tolist(),
        "expected": expected.tolist(),
        "observed": observed.tolist(),
        "psi": float(entropy(p, q) + entropy(q, p)),
        "jensenShannon": float(jensenshannon(expected, observed, base=2) ** 2),
        "chiSquare": float(test.statistic),
        "freedom": int(test.dof),
        "kolmogorovSmirnov": float(ks_2samp(np.repeat(middles, expected), np.repeat(middles, observed)).statistic),
        "wasserstein": float(wasserstein_distance(middles, middles, expected, observed)),
    }


cases = [
    described(*pair(kind, count, total, shift))
    for kind in ("even", "uneven")
    for count, total in ((2, 40), (7, 300), (15, 20_000), (40, 1_000_000))
    for shift in (0, 0.3, 2)
]
# Nothing in common, and one side with a single observation.
cases.append(described(np.arange(5.0), np.array([5, 4, 3, 0, 0, 0]), np.array([0, 0, 0, 2, 1, 9])))
cases.append(described(np.arange(5.0), np.array([50, 40, 30, 20, 10, 5]), np.array([0, 0, 1, 0, 0, 0])))

out = pathlib.Path(__file__).with_suffix(".json")
out.write_text(json.dumps({"versions": {"numpy": np.__version__, "scipy": scipy.__version__}, "cases": cases}, separators=(",", ":")) + "\n")
