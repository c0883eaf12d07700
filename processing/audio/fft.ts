/**
 * Fourier transform of one fixed length, any product of small primes (Whisper's frames have 400 samples).
 *
 * Why our own: browsers have none for a worker (an AnalyserNode needs a page and gives decibels), and the steps around it are
 * a page of code.
 *
 * Invariants
 *  - Double precision; agrees with NumPy's to 1e-12 of the largest value.
 *  - Keeps two buffers of its length and allocates none per call.
 *
 * Source: Stockham's self-sorting transform, as in Van Loan, "Computational Frameworks for the Fast Fourier Transform", 1.7.
 */

/** As many complex numbers as the transform is long. */
interface ComplexNumbers {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

export class FourierTransform {
  readonly length: number;
  private readonly factors: readonly number[];
  private readonly cosines: Float64Array;
  private readonly sines: Float64Array;
  private readonly spare: ComplexNumbers;

  constructor(length: number) {
    this.length = length;
    this.factors = primeFactors(length);
    this.cosines = Float64Array.from({ length }, (_, index) => Math.cos((2 * Math.PI * index) / length));
    this.sines = Float64Array.from({ length }, (_, index) => -Math.sin((2 * Math.PI * index) / length));
    this.spare = { real: new Float64Array(length), imaginary: new Float64Array(length) };
  }

  /** In place. */
  transform(real: Float64Array, imaginary: Float64Array): void {
    const given: ComplexNumbers = { real, imaginary };
    let [from, to] = [given, this.spare];
    let [rest, stride] = [this.length, 1];
    for (const radix of this.factors) {
      if (radix === 2) this.halve(from, to, rest, stride);
      else this.split(radix, from, to, rest, stride);
      [from, to] = [to, from];
      rest /= radix;
      stride *= radix;
    }
    if (from === given) return;
    real.set(from.real);
    imaginary.set(from.imaginary);
  }

  private halve(from: ComplexNumbers, to: ComplexNumbers, rest: number, stride: number): void {
    const { real: fromReal, imaginary: fromImaginary } = from;
    const { real: toReal, imaginary: toImaginary } = to;
    const half = rest / 2;
    for (let block = 0; block < half; block++) {
      const [cosine, sine] = [this.cosines[block * stride] as number, this.sines[block * stride] as number];
      for (let at = 0; at < stride; at++) {
        const [a, b] = [at + stride * block, at + stride * (block + half)];
        const [aReal, aImaginary] = [fromReal[a] as number, fromImaginary[a] as number];
        const [bReal, bImaginary] = [fromReal[b] as number, fromImaginary[b] as number];
        const to = at + stride * 2 * block;
        toReal[to] = aReal + bReal;
        toImaginary[to] = aImaginary + bImaginary;
        const [real, imaginary] = [aReal - bReal, aImaginary - bImaginary];
        toReal[to + stride] = real * cosine - imaginary * sine;
        toImaginary[to + stride] = real * sine + imaginary * cosine;
      }
    }
  }

  private split(radix: number, from: ComplexNumbers, to: ComplexNumbers, rest: number, stride: number): void {
    const { length, cosines, sines } = this;
    const part = rest / radix;
    const turn = length / radix;
    for (let block = 0; block < part; block++) {
      for (let at = 0; at < stride; at++) {
        for (let output = 0; output < radix; output++) {
          let [real, imaginary] = [0, 0];
          for (let input = 0; input < radix; input++) {
            const angle = ((input * output) % radix) * turn;
            const place = at + stride * (block + input * part);
            const [a, b] = [from.real[place] as number, from.imaginary[place] as number];
            const [cosine, sine] = [cosines[angle] as number, sines[angle] as number];
            real += a * cosine - b * sine;
            imaginary += a * sine + b * cosine;
          }
          const twist = (block * output * stride) % length;
          const [cosine, sine] = [cosines[twist] as number, sines[twist] as number];
          const place = at + stride * (radix * block + output);
          to.real[place] = real * cosine - imaginary * sine;
          to.imaginary[place] = real * sine + imaginary * cosine;
        }
      }
    }
  }
}

/** Ascending, for example 2, 2, 2, 2, 5, 5 of 400. */
function primeFactors(value: number): readonly number[] {
  const factors: number[] = [];
  let rest = value;
  for (let factor = 2; rest > 1; factor++) {
    for (; rest % factor === 0; rest /= factor) factors.push(factor);
  }
  return factors;
}
