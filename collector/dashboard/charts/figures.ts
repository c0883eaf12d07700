/** Figures as a person reads them: a cell's label, milliseconds, percent, whole numbers, a number without a unit. */

/** A cell's id as an axis reads it: "0.03125..0.0625" becomes "0.03–0.06"; other ids stay. */
export function cellLabel(cell: string): string {
  const [lower, upper] = cell.split('..').map(Number) as [number, number?];
  if (upper === undefined || Number.isNaN(lower) || Number.isNaN(upper)) return cell;
  const short = (value: number) => String(Number(value.toPrecision(2)));
  return `${short(lower)}–${short(upper)}`;
}

export function ms(value: number | null): string {
  if (value === null) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function percent(ratio: number | null): string {
  return ratio === null ? '–' : `${(ratio * 100).toFixed(1)} %`;
}

export function whole(value: number): string {
  return value.toLocaleString('en');
}

export function decimal(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}

/** "1 report", "2,000 reports". */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;
}
