"""
Test vectors of row preprocessing: what scikit-learn makes of forty synthetic rows.

    python rows.py        writes rows.json beside this file
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

COLOURS = ["red", "green", "blue"]
SIZES = ["S", "M", "L", "XL"]
random = np.random.default_rng(7)
rows = [
    {
        "age": None if i % 7 == 3 else round(float(random.normal(40, 15)), 3),
        "income": float(round(random.lognormal(10, 1))),
        "height": round(float(random.uniform(150, 200)), 2),
        "member": bool(i % 3 == 0),
        "colour": "violet" if i % 9 == 5 else COLOURS[i % 3],
        "size": None if i % 11 == 4 else SIZES[(i * 3) % 4],
        "city": "elsewhere" if i % 8 == 2 else SIZES[i % 4],
    }
    for i in range(40)
]


def column(name):
    return np.array([[row[name]] for row in rows], dtype=object)


def numbers(name):
    return np.array([[np.nan if row[name] is None else row[name]] for row in rows], dtype=float)


ages = make_pipeline(SimpleImputer(strategy="mean"), StandardScaler()).fit(numbers("age"))
incomes = make_pipeline(FunctionTransformer(np.log1p), StandardScaler()).fit(numbers("income"))
heights = MinMaxScaler(clip=False).fit(numbers("height"))
colours = OneHotEncoder(categories=[COLOURS], handle_unknown="ignore", sparse_output=False).fit(column("colour"))
sizes = make_pipeline(
    SimpleImputer(strategy="constant", fill_value="M", missing_values=None),
    OneHotEncoder(categories=[SIZES], sparse_output=False),
).fit(column("size"))
cities = OrdinalEncoder(categories=[SIZES], handle_unknown="use_encoded_value", unknown_value=-1).fit(column("city"))

expected = np.hstack(
    [
        ages.transform(numbers("age")),
        incomes.transform(numbers("income")),
        heights.transform(np.clip(numbers("height"), 155, 195)),
        numbers("member"),
        colours.transform(column("colour")),
        sizes.transform(column("size")),
        cities.transform(column("city")),
    ]
)
preprocess = {
    "kind": "row",
    "encodings": {
        "age": {
            "kind": "numeric",
            "fill": float(ages[0].statistics_[0]),
            "scale": {"offset": float(ages[1].mean_[0]), "divisor": float(ages[1].scale_[0])},
        },
        "income": {
            "kind": "numeric",
            "transform": "log1p",
            "scale": {"offset": float(incomes[1].mean_[0]), "divisor": float(incomes[1].scale_[0])},
        },
        "height": {
            "kind": "numeric",
            "clip": [155, 195],
            "scale": {"offset": float(heights.data_min_[0]), "divisor": float(heights.data_range_[0])},
        },
        "colour": {"kind": "categorical", "encoding": "one-hot", "unknown": "zeros"},
        "size": {"kind": "categorical", "encoding": "one-hot", "fill": {"category": "M"}},
        "city": {"kind": "categorical", "encoding": "index", "unknown": -1},
    },
}
columns = [
    {"name": "age", "kind": "numeric"},
    {"name": "income", "kind": "numeric"},
    {"name": "height", "kind": "numeric"},
    {"name": "member", "kind": "numeric"},
    {"name": "colour", "kind": "categorical", "categories": COLOURS},
    {"name": "size", "kind": "categorical", "categories": SIZES},
    {"name": "city", "kind": "categorical", "categories": SIZES},
]
vectors = {
    "made with": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
    "columns": columns,
    "preprocess": preprocess,
    "rows": rows,
    "expected": [[round(float(value), 9) for value in row] for row in expected],
}
path = pathlib.Path(__file__).with_name("rows.json")
path.write_text(json.dumps(vectors) + "\n")
print(path.stat().st_size, "bytes")
