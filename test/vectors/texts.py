"""
Test vectors of text preprocessing: token ids by Hugging Face's tokenizers, for tiny-text's tokenizer and four that are trained here.

    python texts.py        writes texts.json and texts-*.json, the tokenizers, beside this file

What they are trained on is synthetic: words strung together from syllables of several scripts.
"""
import json
import pathlib
import random

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
SYLLABLES = {
    "latin": "ka lo mi ru te sa no ve li po dra sten wick ous ing er un re".split(),
    "german": "über grün straße schön ä ö ß tag werk lich keit".split(),
    "french": "été œuvre ça forêt naïve élan à la".split(),
    "greek": "και λόγος φως η το μάθημα".split(),
    "cyrillic": "при вет мир ёлка дом ский".split(),
    "arabic": "سلام كتاب بيت في من".split(),
    "hindi": "नम स्ते भाषा हिन् दी".split(),
    "chinese": "你好 世界 我们 学习 语言 天".split(),
    "japanese": "こん にち は カタ カナ 日本 語".split(),
    "korean": "안녕 하세 요 한국 어".split(),
    "emoji": "🙂 👍🏽 👩‍👩‍👧 🇩🇪 ❤️".split(),
}
random.seed(11)


def word(script):
    return "".join(random.choice(SYLLABLES[script]) for _ in range(random.randint(1, 3)))


def sentence():
    script = random.choice(list(SYLLABLES))
    words = [word(script if random.random() < 0.8 else "latin") for _ in range(random.randint(1, 9))]
    if random.random() < 0.4:
        words[0] = words[0].capitalize()
    if random.random() < 0.3:
        words.insert(random.randint(0, len(words)), str(random.randint(0, 100000)))
    glue = "" if script in ("chinese", "japanese") else " "
    return glue.join(words) + random.choice(["", ".", "!", " ?", "…", "。", ", ok"])


CORPUS = [sentence() for _ in range(4000)]
TEXTS = [sentence() for _ in range(36)] + [
    "",
    " ",
    "a",
    "Hello, world! It's 3.14159 o'clock; don't you think so?",
    "  leading and   several    spaces\tand\ttabs\nand\r\nlines  ",
    "ÀÉÎÕÜ àéîõü e\u0301 n\u0303 ﬁ ﬂ Å ①②③ ½ ㌀",
    "ＦＵＬＬ　ｗｉｄｔｈ",
    "İstanbul ISTANBUL ıI ẞß",
    "zero\u200bwidth soft\u00adhyphen nbsp\u00a0here bell\u0007",
    "supercalifragilisticexpialidocious" * 4,
    "user@example.com https://example.com/a?b=c&d=e#f C++ #hashtag $9.99 100%",
    "[CLS] literal [SEP] special [MASK] tokens [PAD] in text </s><s>",
    "日本語とEnglishの混在、そして한국어도 섞어서 и русский тоже",
    "क्षत्रिय श्री ज्ञान",
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦 family 👍🏽 🇩🇪🇫🇷 ❤️‍🔥",
]


def trained(tokenizer, trainer, special):
    tokenizer.train_from_iterator(CORPUS, trainer)
    ids = [(token, tokenizer.token_to_id(token)) for token in special]
    return tokenizer, dict(ids)


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False)
    tokenizer, ids = trained(tokenizer, trainer, special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    return tokenizer, ids["[PAD]"]


def byte_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer, ids = trained(tokenizer, trainer, special)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), add_prefix_space=False)
    return tokenizer, ids["<pad>"]


def metaspace_bpe():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<unk>", "<s>"]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=special, show_progress=False)
    tokenizer, ids = trained(tokenizer, trainer, special)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", ids["<s>"])])
    return tokenizer, ids["<pad>"]


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<unk>", "</s>"]
    trainer = trainers.UnigramTrainer(vocab_size=700, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer, ids = trained(tokenizer, trainer, special)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", ids["</s>"])])
    return tokenizer, ids["<pad>"]


def encoded(tokenizer, **truncation):
    tokenizer.no_truncation()
    if truncation:
        tokenizer.enable_truncation(**truncation)
    return [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]


vectors = {"made with": {"tokenizers": tokenizers.__version__}, "texts": TEXTS, "tokenizers": {}}
for name, make in {"wordpiece": wordpiece, "byte-bpe": byte_bpe, "metaspace-bpe": metaspace_bpe, "unigram": unigram}.items():
    tokenizer, pad = make()
    path = HERE / f"texts-{name}.json"
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(path), pretty=False)
    print(path.name, path.stat().st_size, "bytes")
    vectors["tokenizers"][f"test/vectors/{path.name}"] = {
        "pad": pad,
        "whole": encoded(tokenizer),
        "cut": encoded(tokenizer, max_length=9),
        "end": encoded(tokenizer, max_length=9, direction="left"),
    }
tiny = Tokenizer.from_file(str(HERE / "../../models/tiny-text/tokenizer.json"))
vectors["tokenizers"]["models/tiny-text/tokenizer.json"] = {
    "pad": 0,
    "whole": encoded(tiny),
    "cut": encoded(tiny, max_length=9),
    "end": encoded(tiny, max_length=9, direction="left"),
}
path = HERE / "texts.json"
path.write_text(json.dumps(vectors, ensure_ascii=False) + "\n", encoding="utf-8")
print(path.name, path.stat().st_size, "bytes")
