"""
Test vectors of a compiled character map (SentencePiece's, a normalizer "Precompiled"), by Hugging Face's tokenizers.

    python text-charsmap.py        writes text-charsmap.json beside this file; needs sentencepiece, which compiles the map

The map is a small one of our own. With `nmt_nfkc` or `nmt_nfkc_cf` as its argument it prints the vectors of SentencePiece's own maps, which are
too large to keep (320 kB each).
"""
import base64
import json
import pathlib
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import normalizers

HERE = pathlib.Path(__file__).parent
RULES = ["FF21\t41", "FF41\t61", "41 30A\tC5", "2460\t31", "FB01\t66 69", "3000\t20", "A0\t20", "AD\t", "65 301\tE9", "1100 1161\tAC00", "DF\t73 73"]
TEXTS = json.loads((HERE / "text-rules.json").read_text())["texts"] + [
    "ＡＢＣａｂｃ", "A\u030a", "ℌ ㈱ ﷽", "e\u0301e\u0301\u0323", "\u0915\u093c", "\u1100\u1161\u11a8", "a\u00adb", "ß", "\u200d\u200c",
    "\u212b\u0327", "ｶﾞｷﾞ", "①②⑳", "\u0344 \u0390", "",
]


def charsmap(**rule):
    with tempfile.TemporaryDirectory() as folder:
        text, model = f"{folder}/text", f"{folder}/model"
        pathlib.Path(text).write_text("\n".join("ka lo mi ru te sa no ve li po dra sten wick ous ing er un re".split() * 200))
        if not rule:
            pathlib.Path(f"{folder}/rules").write_text("\n".join(RULES) + "\n")
            rule = {"normalization_rule_tsv": f"{folder}/rules"}
        options = {"vocab_size": 40, "hard_vocab_limit": False, "minloglevel": 2}
        sentencepiece.SentencePieceTrainer.train(input=text, model_prefix=model, **options, **rule)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(pathlib.Path(f"{model}.model").read_bytes())
        return proto.normalizer_spec.precompiled_charsmap


compiled = charsmap(**({"normalization_rule_name": sys.argv[1]} if len(sys.argv) > 1 else {}))
normalizer = normalizers.Precompiled(compiled)
vectors = {"charsmap": base64.b64encode(compiled).decode(), "texts": [[text, normalizer.normalize_str(text)] for text in TEXTS]}
written = json.dumps(vectors, ensure_ascii=False, separators=(",", ":")) + "\n"
if len(sys.argv) > 1:
    print(written, end="")
else:
    (HERE / "text-charsmap.json").write_text(written)
