"""
Test vectors of a tokenizer's normalizers and pre-tokenizers, each by itself, by Hugging Face's tokenizers.

    python text-rules.py        writes text-rules.json beside this file
"""
import json
import pathlib

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "Hello world", "  two  spaces\tand\ttabs\n\nnewlines  ", "ΛΟΓΟΣ Σίσυφος ΣΑΣ", "İstanbul Iğdır ß ẞ ﬁ ﬂ", "café naïve e\u0301 \u212b ½ ²",
    "中文字符 与 English混排", "𠀀𠀁 ext b 𪜶", "👨‍👩‍👧 family 🇩🇪 👍🏽", "don't we'll I'm it's", "100,000.50 $5 3.14e10 v2.0_beta",
    "a_b-c.d/e\\f|g~h`i^j", "\u0000null\u0000 \u200bzero\u200bwidth\ufeffbom \u00a0nbsp\u3000ideographic", "नमस्ते भाषा हिन्दी",
    "Привет мир ёлка", "سلام كتاب بيت", "こんにちは カタカナ 日本語", "안녕하세요", "x<mask>y <mask> [MASK]word word[MASK] ", "!\ufeff!",
    "\r\ncrlf\r\n", " ", "ª º ① Ⅳ ㎏ ﷺ", "'s 'S ’s", "…—–‘’“” «»", "a\u0301\u0323b", "\u1680x\u2028y\u2029z\u0085w", "\x1c\x1d\x1e\x1f sep",
    "١٢٣ ४५६ ５６", "\u0660_\u203f", "Ǆ ǅ ǆ ŉ ǰ", "￥ ～ ﹏", "▁marked ▁ twice▁▁",
]
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
YES_NO = (True, False)
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")

NORMALIZERS = [{"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")]
NORMALIZERS += [
    {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": strip, "lowercase": lower}
    for clean in YES_NO for chinese in YES_NO for strip in (None, True, False) for lower in YES_NO
]
NORMALIZERS += [{"type": "Strip", "strip_left": left, "strip_right": right} for left in YES_NO for right in YES_NO]
NORMALIZERS += [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    {"type": "Replace", "pattern": {"String": "."}, "content": "$&"},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
    {"type": "Replace", "pattern": {"Regex": "``|''"}, "content": '"'},
    {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Prepend", "prepend": "▁"}]},
]
PRE_TOKENIZERS = [{"type": name} for name in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")]
PRE_TOKENIZERS += [
    {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex} for prefix in YES_NO for regex in YES_NO
]
PRE_TOKENIZERS += [
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
    for scheme in ("always", "first", "never") for split in YES_NO
]
PRE_TOKENIZERS += [{"type": "Punctuation", "behavior": behavior} for behavior in BEHAVIORS]
PRE_TOKENIZERS += [
    {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
    for behavior in BEHAVIORS for invert in YES_NO
    for pattern in ({"String": " "}, {"Regex": r"\d"}, {"Regex": r"[\p{L}]+"}, {"Regex": GPT4})
]
PRE_TOKENIZERS += [{"type": "Digits", "individual_digits": each} for each in YES_NO]
PRE_TOKENIZERS += [
    {"type": "FixedLength", "length": 3},
    {"type": "CharDelimiterSplit", "delimiter": "-"},
    {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}]},
    {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": GPT4}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ]},
]


def tokenizer(**parts):
    model = {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"u": 0}}
    whole = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return Tokenizer.from_str(json.dumps({**whole, "model": model, **parts}))


vectors = {
    "texts": TEXTS,
    "normalizers": [{"declared": one, "texts": [tokenizer(normalizer=one).normalizer.normalize_str(text) for text in TEXTS]} for one in NORMALIZERS],
    "preTokenizers": [
        {"declared": one, "pieces": [[piece for piece, _ in tokenizer(pre_tokenizer=one).pre_tokenizer.pre_tokenize_str(text)] for text in TEXTS]}
        for one in PRE_TOKENIZERS
    ],
}
(HERE / "text-rules.json").write_text(json.dumps(vectors, ensure_ascii=False, separators=(",", ":")) + "\n")
