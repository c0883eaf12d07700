/** All seeded leaks. */
import type { Leak } from './leak.ts';
import { SECRET_LEAKS } from './secret-leaks.ts';
import { VALUE_LEAKS } from './value-leaks.ts';

export const LEAKS: readonly Leak[] = [...SECRET_LEAKS, ...VALUE_LEAKS];
