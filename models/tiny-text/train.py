"""tiny-text: a bag of words that says whether an English sentence is friendly. Made for tests, in a second, on any CPU.

    python train.py        needs requirements.txt; writes onnx/model.onnx, tokenizer.json, tokenizer_config.json, config.json

Logistic regression over word counts, written as an ONNX graph with the inputs and the output of a BERT-like classifier, so
that a transformers pipeline runs it as it runs any other. Same input, same bytes: there is no chance in it.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
FRIENDLY = """good great love lovely nice happy wonderful excellent best fun kind warm sweet bright calm fair glad perfect
delightful charming""".split()
UNFRIENDLY = """bad awful hate ugly nasty sad terrible horrible worst boring cruel cold bitter dark angry unfair sorry broken
dreadful rude""".split()
PLAIN = """a an the this that it is was are i you we they film book day food place very so and but with my your of in on to
for not quite really what all""".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
VOCABULARY = SPECIAL + PLAIN + FRIENDLY + UNFRIENDLY
LABELS = ["UNFRIENDLY", "FRIENDLY"]


def sentences():
    """Every word of feeling in four frames; the words of a frame carry no label."""
    frames = ["this film is {}", "what a {} day", "i think it was really {} and {}", "{}"]
    for label, words in enumerate([UNFRIENDLY, FRIENDLY]):
        for index, word in enumerate(words):
            for frame in frames:
                yield frame.format(word, words[index - 1]), label


def ids_of(text):
    return [VOCABULARY.index(word) if word in VOCABULARY else 1 for word in text.split()]


def train():
    rows, labels = [], []
    for text, label in sentences():
        rows.append(np.bincount(ids_of(text), minlength=len(VOCABULARY)))
        labels.append(label)
    counts, targets = np.array(rows, dtype=np.float64), np.array(labels)
    weights = np.zeros(len(VOCABULARY))
    for _ in range(400):
        friendly = 1 / (1 + np.exp(-counts @ weights))
        weights -= 0.5 * (counts.T @ (friendly - targets) / len(targets) + 1e-4 * weights)
    right = np.mean((counts @ weights > 0) == (targets == 1))
    print(f"{len(targets)} sentences, {right:.1%} right on what it was trained on")
    return weights


def write_model(weights):
    table = np.stack([-weights / 2, weights / 2], axis=1).astype(np.float32)
    table[: len(SPECIAL)] = 0
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["words", "column"], ["read"]),
        helper.make_node("ReduceSum", ["read", "tokens"], ["logits"], keepdims=0),
    ]
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "tokens"),
    ]
    graph = helper.make_graph(nodes, "tiny-text", ids, [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    (HERE / "onnx").mkdir(exist_ok=True)
    (HERE / "onnx/model.onnx").write_bytes(model.SerializeToString(deterministic=True))


def write_tokenizer():
    special = [
        {"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for index, token in enumerate(SPECIAL)
    ]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [],
            "special_tokens": {name: {"id": name, "ids": [SPECIAL.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {word: index for index, word in enumerate(VOCABULARY)},
        },
    }
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    settings = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "model_max_length": 64, **names}
    config = {
        "model_type": "distilbert",
        "architectures": ["DistilBertForSequenceClassification"],
        "vocab_size": len(VOCABULARY),
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }
    for name, content in {"tokenizer.json": tokenizer, "tokenizer_config.json": settings, "config.json": config}.items():
        (HERE / name).write_text(json.dumps(content, indent=1) + "\n")


write_model(train())
write_tokenizer()
