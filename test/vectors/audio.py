"""
Test vectors of audio preprocessing: what librosa, torchaudio and transformers make of two synthetic signals.

    python audio.py        writes audio.json beside this file

The signals are made of whole numbers, so that the tests make the very same ones: no recording is stored. All references run
in double precision where they can; torchaudio's own float32 kernel is some 1e-5 away from its float64 one.
"""
import json
import pathlib

import librosa
import numpy as np
import torch
import torchaudio
import transformers
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor


def chirp(count, bend, start):
    """A triangle wave that rises in pitch; the last eighth is silence."""
    n = np.arange(count, dtype=np.int64)
    wave = np.abs((bend * n * n + start * n) % 65536 - 32768) / 16384 - 1
    wave[count - count // 8 :] = 0
    return wave


def resampled(signal, rate_from, rate_to):
    return torchaudio.functional.resample(torch.from_numpy(signal), rate_from, rate_to).numpy()


def rounded(values, digits=7):
    return [round(float(value), digits) for value in np.asarray(values).ravel()]


def resample_cases():
    for rate_from, rate_to, count in [
        (44100, 16000, 1200),
        (48000, 16000, 900),
        (16000, 48000, 100),
        (8000, 22050, 130),
        (44056, 16000, 400),
        (16000, 16000, 50),
    ]:
        signal = chirp(count, 1, 700)
        yield {"from": rate_from, "to": rate_to, "count": count, "expected": rounded(resampled(signal, rate_from, rate_to))}


def mel_case(name, preprocess, sample_rate, count, expected, stride=1):
    expected = np.asarray(expected)
    return {
        "name": name,
        "sampleRate": sample_rate,
        "count": count,
        "preprocess": preprocess,
        "dims": list(expected.shape),
        "stride": stride,
        "expected": rounded(expected.ravel()[::stride], 6),
    }


def mel_cases():
    signal = chirp(12000, 3, 200)
    whisper = WhisperFeatureExtractor(feature_size=80, chunk_length=1)
    features = whisper(signal, sampling_rate=16000, return_tensors="np").input_features[0]
    yield mel_case(
        "Whisper",
        {
            "kind": "audio",
            "samples": 16000,
            "mel": {
                "fftSize": 400, "hopSize": 160, "bandCount": 80, "scale": "slaney", "norm": "slaney", "frequencyMax": 8000,
                "dropsLastFrame": True, "log": {"kind": "whisper"},
            },
        },
        16000, 12000, features, 5,
    )

    signal = chirp(3000, 5, 100)
    power = librosa.feature.melspectrogram(y=signal, sr=22050, n_fft=512, hop_length=256, n_mels=40, pad_mode="reflect")
    yield mel_case(
        "librosa, decibels below the loudest",
        {
            "kind": "audio",
            "mel": {
                "fftSize": 512, "hopSize": 256, "bandCount": 40, "scale": "slaney", "norm": "slaney",
                "log": {"kind": "decibel", "reference": "max", "rangeMax": 80},
            },
        },
        22050, 3000, librosa.power_to_db(power, ref=np.max, top_db=80),
    )

    signal = chirp(2000, 4, 300)
    magnitude = librosa.feature.melspectrogram(
        y=signal, sr=16000, n_fft=400, win_length=320, hop_length=160, n_mels=32, htk=True, norm=None, power=1, center=False
    )
    yield mel_case(
        "librosa, HTK scale, magnitudes, frames that begin at their hop",
        {
            "kind": "audio",
            "mel": {
                "fftSize": 400, "windowSize": 320, "hopSize": 160, "bandCount": 32, "scale": "htk", "power": 1,
                "isCentered": False, "log": {"kind": "decibel", "floor": 1e-5},
            },
        },
        16000, 2000, librosa.amplitude_to_db(magnitude, ref=1.0, amin=1e-5, top_db=None),
    )

    power = librosa.feature.melspectrogram(
        y=signal, sr=16000, n_fft=1024, hop_length=320, n_mels=24, fmin=50, fmax=7000, htk=True, norm="slaney", pad_mode="constant"
    )
    yield mel_case(
        "librosa, natural logarithm, normalised, frames by bands",
        {
            "kind": "audio",
            "mel": {
                "fftSize": 1024, "hopSize": 320, "bandCount": 24, "scale": "htk", "norm": "slaney", "frequencyMin": 50,
                "frequencyMax": 7000, "padding": "zeros", "log": {"kind": "natural", "offset": 1e-6}, "mean": -4.5, "std": 3.25,
                "layout": "frames-bands",
            },
        },
        16000, 2000, (np.log(power + 1e-6).T + 4.5) / 3.25,
    )


def whole_case():
    """Two channels at 44.1 kHz, averaged, resampled, framed."""
    left, right = chirp(6000, 2, 300), chirp(6000, 7, 50)
    mono = resampled(librosa.to_mono(np.stack([left, right])), 44100, 16000)[:2000]
    power = librosa.feature.melspectrogram(y=mono, sr=16000, n_fft=400, hop_length=160, n_mels=20, pad_mode="reflect")
    return {
        "rate": 44100,
        "count": 6000,
        "channels": [[2, 300], [7, 50]],
        "sampleRate": 16000,
        "preprocess": {
            "kind": "audio",
            "samples": 2000,
            "mel": {"fftSize": 400, "hopSize": 160, "bandCount": 20, "scale": "slaney", "norm": "slaney", "log": {"kind": "decibel"}},
        },
        "dims": list(power.shape),
        "expected": rounded(librosa.power_to_db(power, ref=1.0, top_db=None), 6),
    }


def normalised_case():
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    values = extractor(chirp(300, 5, 100), sampling_rate=16000, padding="max_length", max_length=360, return_tensors="np").input_values[0]
    return {"sampleRate": 16000, "count": 300, "samples": 360, "expected": rounded(values, 6)}


vectors = {
    "made with": {
        "librosa": librosa.__version__, "torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__,
    },
    "resample": list(resample_cases()),
    "mel": list(mel_cases()),
    "whole": whole_case(),
    "normalised": normalised_case(),
}
path = pathlib.Path(__file__).with_name("audio.json")
path.write_text(json.dumps(vectors) + "\n")
print(path.stat().st_size, "bytes")
