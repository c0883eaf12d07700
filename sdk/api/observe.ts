/**
 * Public types of `client.observe()` and `model.feedback()`: what something else ran, what people did with an answer. Types only;
 * sdk/counting/observer.ts and counts/plans/feedback.ts hold the behaviour.
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { TensorData } from '../../protocol/tensors/tensors.ts';
import type { TensorInput } from './tensors.ts';

/** A value as another library hands it out: a tensor, its bare elements in the declared order, or a single value. */
export type ObservedValue = TensorInput | TensorData | readonly number[] | number | string;

export interface ObservedRun {
  /** Values by input and output name of the manifest. What is absent is counted as missing. */
  readonly feeds?: Readonly<Record<string, ObservedValue>>;
  readonly outputs?: Readonly<Record<string, ObservedValue>>;
  /** One of the manifest's own segments. */
  readonly segment?: string;
  /** From call to answer, in milliseconds. */
  readonly durationMs?: number;
}

export interface Observer {
  readonly manifest: Manifest;
  /** 16 hex digits; the version that reports carry. */
  readonly modelVersion: string;
  /** Counts one run. Never throws; keeps no value. */
  record(run: ObservedRun): void;
}

/** What a person did with an answer. `corrected` names the right label of the model's only labelled output. */
export type Feedback = 'accepted' | 'redone' | 'abandoned' | { readonly corrected: string };
